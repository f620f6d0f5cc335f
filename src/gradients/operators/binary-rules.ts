import { logarithm, power } from '../elementary.ts'

type Numbers = Float32Array | Float64Array

/** Runs of a and b into a result without gaps; `back`: g is the gradient of the result, to add to that of a or b. */
export interface Binary {
  forward(f: Numbers, a: number, sa: number, b: number, sb: number, out: number, count: number): void
  backA(f: Numbers, a: number, sa: number, b: number, sb: number, g: number, to: number, count: number): void
  backB(f: Numbers, a: number, sa: number, b: number, sb: number, g: number, to: number, count: number): void
  /** On integers. */
  plain(a: number, b: number): number
  /** The kind that machines know it by. */
  readonly code?: 0 | 1 | 2
}

/** Shorter runs are not worth a call. */
export const LEAST_RUN = 16

export const ADD: Binary = {
  forward(f, a, sa, b, sb, out, count) {
    for (let i = 0; i < count; i++) f[out + i] = f[a + i * sa]! + f[b + i * sb]!
  },
  backA(f, _a, sa, _b, _sb, g, to, count) {
    gather(f, g, to, sa, count, 1)
  },
  backB(f, _a, _sa, _b, sb, g, to, count) {
    gather(f, g, to, sb, count, 1)
  },
  plain: (a, b) => a + b,
  code: 0,
}

export const SUB: Binary = {
  forward(f, a, sa, b, sb, out, count) {
    for (let i = 0; i < count; i++) f[out + i] = f[a + i * sa]! - f[b + i * sb]!
  },
  backA: ADD.backA,
  backB(f, _a, _sa, _b, sb, g, to, count) {
    gather(f, g, to, sb, count, -1)
  },
  plain: (a, b) => a - b,
  code: 1,
}

export const MUL: Binary = {
  forward(f, a, sa, b, sb, out, count) {
    for (let i = 0; i < count; i++) f[out + i] = f[a + i * sa]! * f[b + i * sb]!
  },
  backA(f, _a, sa, b, sb, g, to, count) {
    gatherProducts(f, g, b, sb, to, sa, count)
  },
  backB(f, a, sa, _b, sb, g, to, count) {
    gatherProducts(f, g, a, sa, to, sb, count)
  },
  plain: (a, b) => a * b,
  code: 2,
}

export const DIV: Binary = {
  forward(f, a, sa, b, sb, out, count) {
    for (let i = 0; i < count; i++) f[out + i] = f[a + i * sa]! / f[b + i * sb]!
  },
  backA(f, _a, sa, b, sb, g, to, count) {
    gatherBy(f, to, sa, count, (i) => f[g + i]! / f[b + i * sb]!)
  },
  backB(f, a, sa, b, sb, g, to, count) {
    gatherBy(f, to, sb, count, (i) => {
      const divisor = f[b + i * sb]!
      return (-f[g + i]! * f[a + i * sa]!) / (divisor * divisor)
    })
  },
  plain: (a, b) => Math.trunc(a / b),
}

export const POW: Binary = {
  forward(f, a, sa, b, sb, out, count) {
    for (let i = 0; i < count; i++) f[out + i] = power(f[a + i * sa]!, f[b + i * sb]!)
  },
  backA(f, a, sa, b, sb, g, to, count) {
    gatherBy(f, to, sa, count, (i) => {
      const y = f[b + i * sb]!
      return y === 0 ? 0 : f[g + i]! * y * power(f[a + i * sa]!, y - 1)
    })
  },
  backB(f, a, sa, b, sb, g, to, count) {
    gatherBy(f, to, sb, count, (i) => {
      const x = f[a + i * sa]!
      return x > 0 ? f[g + i]! * power(x, f[b + i * sb]!) * logarithm(x) : 0
    })
  },
  plain: (a, b) => a ** b,
}

export const MAX: Binary = extreme(
  (a, b) => a >= b,
  (a, b) => Math.max(a, b),
)
export const MIN: Binary = extreme(
  (a, b) => a <= b,
  (a, b) => Math.min(a, b),
)

function extreme(first: (a: number, b: number) => boolean, choose: (a: number, b: number) => number): Binary {
  return {
    forward(f, a, sa, b, sb, out, count) {
      for (let i = 0; i < count; i++) f[out + i] = choose(f[a + i * sa]!, f[b + i * sb]!)
    },
    backA(f, a, sa, b, sb, g, to, count) {
      gatherBy(f, to, sa, count, (i) => (first(f[a + i * sa]!, f[b + i * sb]!) ? f[g + i]! : 0))
    },
    backB(f, a, sa, b, sb, g, to, count) {
      gatherBy(f, to, sb, count, (i) => (first(f[a + i * sa]!, f[b + i * sb]!) ? 0 : f[g + i]!))
    },
    plain: choose,
  }
}

/** Adds `sign` times a run; all of it to one element where the step is 0. */
function gather(f: Numbers, g: number, to: number, step: number, count: number, sign: number): void {
  if (step === 0) {
    let sum = 0
    for (let i = 0; i < count; i++) sum += f[g + i]!
    f[to]! += sign * sum
  } else for (let i = 0; i < count; i++) f[to + i * step]! += sign * f[g + i]!
}

function gatherProducts(f: Numbers, g: number, by: number, sb: number, to: number, step: number, count: number): void {
  if (step === 0) {
    let sum = 0
    for (let i = 0; i < count; i++) sum += f[g + i]! * f[by + i * sb]!
    f[to]! += sum
  } else for (let i = 0; i < count; i++) f[to + i * step]! += f[g + i]! * f[by + i * sb]!
}

function gatherBy(f: Numbers, to: number, step: number, count: number, of: (i: number) => number): void {
  if (step === 0) {
    let sum = 0
    for (let i = 0; i < count; i++) sum += of(i)
    f[to]! += sum
  } else for (let i = 0; i < count; i++) f[to + i * step]! += of(i)
}
