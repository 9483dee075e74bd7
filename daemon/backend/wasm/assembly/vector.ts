/**
 * Four floats at a time, to the end of a row of any length: the lanes past the end read as 0 and are not written.
 */

/** @param left how many floats remain from `at` on */
export function load(at: usize, left: i32): v128 {
  return left >= 4 ? v128.load(at) : loadRest(at, left);
}

export function store(at: usize, value: v128, left: i32): void {
  if (left >= 4) v128.store(at, value);
  else storeRest(at, value, left);
}

function loadRest(at: usize, left: i32): v128 {
  let value = f32x4.splat(0);
  if (left > 0) value = v128.load_lane<f32>(at, value, 0);
  if (left > 1) value = v128.load_lane<f32>(at + 4, value, 1);
  if (left > 2) value = v128.load_lane<f32>(at + 8, value, 2);
  return value;
}

function storeRest(at: usize, value: v128, left: i32): void {
  if (left > 0) v128.store_lane<f32>(at, value, 0);
  if (left > 1) v128.store_lane<f32>(at + 4, value, 1);
  if (left > 2) v128.store_lane<f32>(at + 8, value, 2);
}

export function sumLanes(value: v128): f64 {
  return (
    <f64>f32x4.extract_lane(value, 0) +
    <f64>f32x4.extract_lane(value, 1) +
    (<f64>f32x4.extract_lane(value, 2) + <f64>f32x4.extract_lane(value, 3))
  );
}

/**
 * Natural logarithm of four normal positive floats, error about 1e-7 of the result (absolute near 1).
 *
 * x = m 2^e with m in [√½, √2); ln m = 2 artanh z = 2 (z + z³/3 + z⁵/5 + z⁷/7 + z⁹/9), z = (m − 1)/(m + 1),
 * |z| ≤ 0.172, so the first term left out is 2·10⁻⁹ of the sum. ln 2 is split so that e times its upper part is
 * exact. Zero gives a finite number, which the caller masks.
 */
export function log(x: v128): v128 {
  const exponent = i32x4.shr_s(i32x4.sub(x, i32x4.splat(0x3f3504f3)), 23);
  const m = i32x4.sub(x, i32x4.shl(exponent, 23));
  const one = f32x4.splat(1);
  const z = f32x4.div(f32x4.sub(m, one), f32x4.add(m, one));
  const z2 = f32x4.mul(z, z);
  let series = f32x4.add(
    f32x4.splat(<f32>(2.0 / 7.0)),
    f32x4.mul(z2, f32x4.splat(<f32>(2.0 / 9.0))),
  );
  series = f32x4.add(f32x4.splat(<f32>(2.0 / 5.0)), f32x4.mul(z2, series));
  series = f32x4.add(f32x4.splat(<f32>(2.0 / 3.0)), f32x4.mul(z2, series));
  const e = f32x4.convert_i32x4_s(exponent);
  const low = f32x4.add(
    f32x4.mul(e, f32x4.splat(<f32>-2.1219444e-4)),
    f32x4.mul(f32x4.mul(z, z2), series),
  );
  const high = f32x4.mul(e, f32x4.splat(<f32>0.693359375));
  return f32x4.add(high, f32x4.add(f32x4.add(z, z), low));
}

/**
 * Logarithm to base 2 of four normal positive floats, error about 5e-8 before the result is rounded. As {@link log},
 * one term shorter: its constants stay in registers.
 */
export function log2(x: v128): v128 {
  const exponent = i32x4.shr_s(i32x4.sub(x, i32x4.splat(0x3f3504f3)), 23);
  const m = i32x4.sub(x, i32x4.shl(exponent, 23));
  const one = f32x4.splat(1);
  const z = f32x4.div(f32x4.sub(m, one), f32x4.add(m, one));
  const z2 = f32x4.mul(z, z);
  let series = f32x4.add(
    f32x4.splat(<f32>(2.0 / 5.0 / LN_2)),
    f32x4.mul(z2, f32x4.splat(<f32>(2.0 / 7.0 / LN_2))),
  );
  series = f32x4.add(f32x4.splat(<f32>(2.0 / 3.0 / LN_2)), f32x4.mul(z2, series));
  series = f32x4.add(f32x4.splat(<f32>(2.0 / LN_2)), f32x4.mul(z2, series));
  return f32x4.add(f32x4.convert_i32x4_s(exponent), f32x4.mul(z, series));
}

const LN_2: f64 = 0.6931471805599453;

/**
 * 2^x of four floats with |x| ≤ 120, error about 2e-7 of the result.
 *
 * x = n + r with n whole and |r| ≤ ½; (2^r − 1)/r by the polynomial of degree 4 that is exact at the Chebyshev nodes.
 * Adding 1.5 · 2²³ rounds to whole numbers and leaves n in the low bits, from where it is shifted into the exponent.
 */
export function exp2(x: v128): v128 {
  const magic = f32x4.splat(12582912);
  const shifted = f32x4.add(x, magic);
  const r = f32x4.sub(x, f32x4.sub(shifted, magic));
  let power = f32x4.add(
    f32x4.splat(<f32>0.00966636837),
    f32x4.mul(r, f32x4.splat(<f32>0.00133813021)),
  );
  power = f32x4.add(f32x4.splat(<f32>0.0555038117), f32x4.mul(r, power));
  power = f32x4.add(f32x4.splat(<f32>0.240223497), f32x4.mul(r, power));
  power = f32x4.add(f32x4.splat(<f32>0.693147182), f32x4.mul(r, power));
  power = f32x4.add(f32x4.splat(1), f32x4.mul(r, power));
  return i32x4.add(power, i32x4.shl(shifted, 23));
}
