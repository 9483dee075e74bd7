import { expect, test } from "vitest";
import { configText } from "../../daemon/pipeline/commit.ts";

test("whole floats of the input stay floats, whole numbers stay whole", () => {
  const input =
    '{\n "rope_theta": 500000.0,\n "rope_scaling": {"factor": 8.0, "low_freq_factor":1.0},\n "hidden_size": 64}';
  const text = configText(
    { ...(JSON.parse(input) as object), vocab_size: 12, list: [1, 2] },
    input,
  );
  expect(text).toContain('"rope_theta": 500000.0,');
  expect(text).toContain('"factor": 8.0,');
  expect(text).toContain('"low_freq_factor": 1.0\n');
  expect(text).toContain('"hidden_size": 64,');
  expect(text).toContain('"vocab_size": 12,');
  expect(JSON.parse(text)).toMatchObject({ rope_theta: 500000, list: [1, 2] });
});
