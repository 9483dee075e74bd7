/** y ← y · x, elementwise, `count` floats: for a product that needs no memory of its own. */
export function multiplyInto(y: usize, x: usize, count: i32): void {
  const end = y + ((<usize>count) << 2);
  const whole = y + ((<usize>(count & ~3)) << 2);
  for (; y < whole; y += 16, x += 16) v128.store(y, f32x4.mul(v128.load(y), v128.load(x)));
  for (; y < end; y += 4, x += 4) f32.store(y, f32.load(y) * f32.load(x));
}
