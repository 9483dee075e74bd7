/**
 * The elementwise operations as expressions of CUDA C, by the name of their TensorFlow.js kernel and the type of
 * element they take. Where a type is missing, operands are converted: int32 to float32 and back, bool to int32.
 */
import type { Element } from "./kernel.ts";

export interface Expression {
  readonly float?: string;
  readonly int?: string;
  readonly bool?: string;
  /** What comes out; by default what went in. */
  readonly result?: Element;
}

/** Where an operation lacks the type of its operands: what to convert them to. */
export function supported(expression: Expression): Element {
  if (expression.int !== undefined) return "int";
  return expression.float !== undefined ? "float" : "bool";
}

const everywhere = (expression: string): Expression => ({ float: expression, int: expression });
const float = (expression: string): Expression => ({ float: expression });
const floatTest = (expression: string, ofIntegers: string): Expression => ({
  float: expression,
  int: ofIntegers,
  result: "bool",
});

/** Of `x`; `p` and `q` are the operation's own numbers. */
export const UNARY = {
  Abs: { float: "fabsf(x)", int: "x < 0 ? -x : x" },
  Acos: float("acosf(x)"),
  Acosh: float("acoshf(x)"),
  Asin: float("asinf(x)"),
  Asinh: float("asinhf(x)"),
  Atan: float("atanf(x)"),
  Atanh: float("atanhf(x)"),
  Ceil: { float: "ceilf(x)", int: "x" },
  ClipByValue: {
    float: "x > q ? q : x < p ? p : x",
    int: "x > q ? (i32)q : x < p ? (i32)p : x",
  },
  Cos: float("cosf(x)"),
  Cosh: float("coshf(x)"),
  Elu: float("x >= 0.0f ? x : expm1f(x)"),
  Erf: float("erff(x)"),
  Exp: float("expf(x)"),
  Expm1: float("expm1f(x)"),
  Floor: { float: "floorf(x)", int: "x" },
  IsFinite: floatTest("fabsf(x) < INFINITY", "true"),
  IsInf: floatTest("fabsf(x) == INFINITY", "false"),
  IsNan: floatTest("x != x", "false"),
  LeakyRelu: float("x < 0.0f ? p * x : x"),
  Log: float("logf(x)"),
  Log1p: float("log1pf(x)"),
  LogicalNot: { bool: "!x" },
  Neg: everywhere("-x"),
  Reciprocal: float("1.0f / x"),
  Relu: everywhere("x < 0 ? 0 : x"),
  Relu6: everywhere("x < 0 ? 0 : x > 6 ? 6 : x"),
  Round: { float: "rintf(x)", int: "x" },
  Rsqrt: float("rsqrtf(x)"),
  Selu: float("x >= 0.0f ? 1.0507009873554805f * x : 1.7580993408473766f * expm1f(x)"),
  Sigmoid: float("1.0f / (1.0f + expf(-x))"),
  Sign: everywhere("x > 0 ? 1 : x < 0 ? -1 : 0"),
  Sin: float("sinf(x)"),
  Sinh: float("sinhf(x)"),
  Softplus: float("fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)))"),
  Sqrt: float("sqrtf(x)"),
  Square: everywhere("x * x"),
  Step: { float: "x > 0.0f ? 1.0f : x != x ? x : p", int: "x > 0 ? 1 : p" },
  Tan: float("tanf(x)"),
  Tanh: float("tanhf(x)"),
} as const satisfies Record<string, Expression>;
export type UnaryName = keyof typeof UNARY;

/** Conversions, by source and target; float to int drops the fraction. */
export const CASTS = {
  float: { int: "(i32)x", bool: "x != 0.0f" },
  int: { float: "(float)x", bool: "x != 0" },
  bool: { float: "x ? 1.0f : 0.0f", int: "x ? 1 : 0" },
} as const satisfies Record<Element, Partial<Record<Element, string>>>;

const comparison = (operator: string): Expression => ({
  ...everywhere(`a ${operator} b`),
  result: "bool",
});

/** Of `a` and `b`, equal in type. Not-a-number wins in Maximum and Minimum, as in JavaScript. */
export const BINARY = {
  Add: everywhere("a + b"),
  Atan2: float("atan2f(a, b)"),
  BitwiseAnd: { int: "a & b" },
  EluGrad: float("b >= 0.0f ? a : a * (b + 1.0f)"),
  Equal: comparison("=="),
  FloorDiv: { float: "(i32)floorf(a / b)", int: "floorDivide(a, b)", result: "int" },
  Greater: comparison(">"),
  GreaterEqual: comparison(">="),
  Less: comparison("<"),
  LessEqual: comparison("<="),
  LogicalAnd: { bool: "a && b" },
  LogicalOr: { bool: "a || b" },
  Maximum: { float: "a > b || a != a ? a : b", int: "a > b ? a : b" },
  Minimum: { float: "a < b || a != a ? a : b", int: "a < b ? a : b" },
  Mod: everywhere("modulo(a, b)"),
  Multiply: everywhere("a * b"),
  NotEqual: comparison("!="),
  Pow: everywhere("power(a, b)"),
  Prelu: float("a < 0.0f ? b * a : a"),
  RealDiv: float("a / b"),
  SquaredDifference: everywhere("(a - b) * (a - b)"),
  Sub: everywhere("a - b"),
} as const satisfies Record<string, Expression>;
export type BinaryName = keyof typeof BINARY;
