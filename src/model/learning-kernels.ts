/**
 * Hot loops of learned rounding: products of f32 matrices, maps laid out [height][width][channels], and the updates of what is
 * learned. As all kernels: flat functions on one memory, the same bits in WASM and in the TypeScript twins, every sum in one order.
 *
 * Pointers are bytes and multiples of 4; strides and counts are elements. Channels, columns and counts are multiples of 4: what is
 * not is padded with zeros. No call should do more than about 2^22 multiplications (see `Kernels`).
 */
export interface LearningKernels {
  /**
   * out[r][n] = (add ? out[r][n] : 0) + sum over d of a[r * aRow + d * aStep] * b[d * bStride + n], summed in the order of d.
   * With aStep = 1 the product of a matrix, with aRow = 1 that of its transpose.
   */
  multiplyRows(
    a: number,
    aRow: number,
    aStep: number,
    b: number,
    bStride: number,
    out: number,
    outStride: number,
    rows: number,
    depth: number,
    columns: number,
    add: 0 | 1,
  ): void
  /** out[c][r] = src[r][c]; both counts are multiples of 4. */
  transposeFloats(src: number, srcStride: number, rows: number, columns: number, out: number, outStride: number): void
  /**
   * Patches of a map: row (y, x) of `out` holds, for every place of the kernel, `channels` elements of the map at
   * (y * strideY + ky * stepY, x * strideX + kx * stepX). One map a call; nothing is padded. `add` = 1 adds patches back to the map.
   */
  unfoldMap(
    map: number,
    width: number,
    mapStride: number,
    channels: number,
    kernelHeight: number,
    kernelWidth: number,
    strideY: number,
    strideX: number,
    stepY: number,
    stepX: number,
    outHeight: number,
    outWidth: number,
    patches: number,
    add: 0 | 1,
  ): void
  /**
   * A convolution of every channel with a kernel of its own, weights [kernelHeight * kernelWidth][channels]; one map a call.
   * mode 0: out = sum of weight * map (overwrites); 1: map += weight * out; 2: weights += map * out.
   */
  convolveChannels(
    mode: 0 | 1 | 2,
    map: number,
    width: number,
    channels: number,
    kernelHeight: number,
    kernelWidth: number,
    strideY: number,
    strideX: number,
    stepY: number,
    stepX: number,
    outHeight: number,
    outWidth: number,
    weights: number,
    out: number,
  ): void
  /** out = clamp(src + bias of the column, low, high); with scale > 0 then rounded to multiples of it, from lowCode to highCode. */
  activateRows(
    src: number,
    bias: number,
    rows: number,
    columns: number,
    low: number,
    high: number,
    scale: number,
    lowCode: number,
    highCode: number,
    out: number,
  ): void
  /** grad = 0 where src + bias of the column is not inside (low, high); then adds the columns of grad to `biasGrad`. */
  passRows(
    src: number,
    bias: number,
    rows: number,
    columns: number,
    low: number,
    high: number,
    grad: number,
    biasGrad: number,
  ): void
  /** out = a + sign * b. */
  addFloats(a: number, b: number, sign: number, count: number, out: number): void
  /**
   * Weights between two codes: out = scale of the column * clamp(base + h, least, most) with
   * h = clamp(1.2 / (1 + e^-v) - 0.1, 0, 1), the rectified sigmoid of Louizos et al. 2018.
   */
  softWeights(
    v: number,
    base: number,
    scales: number,
    rows: number,
    columns: number,
    least: number,
    most: number,
    out: number,
  ): void
  /**
   * One step of Adam on v for the loss that `grad` (of the soft weights) descends plus pressure * (1 - |2h - 1|^(power + 1)):
   * AdaRound (Nagel et al. 2020). `pressure` = 0: without the second term. `rate1`, `rate2`: 1 / (1 - 0.9^t), 1 / (1 - 0.999^t).
   */
  stepRounding(
    v: number,
    base: number,
    scales: number,
    grad: number,
    first: number,
    second: number,
    rows: number,
    columns: number,
    least: number,
    most: number,
    rate: number,
    rate1: number,
    rate2: number,
    pressure: number,
    power: number,
  ): void
  /**
   * out = e^(src - max of the row) / their sum; rows of any length. Sums run in four lanes, element i in lane i mod 4, which are added in
   * pairs; elements behind the last whole four are added after them.
   */
  softmaxRows(src: number, rows: number, columns: number, out: number): void
  /** to += shares * (grad - sum over the row of shares * grad); sums as `softmaxRows`. */
  softmaxGradRows(shares: number, grad: number, rows: number, columns: number, to: number): void
  /** out = a + b, a - b or a * b (kind 0, 1, 2), or is added to; a step of 0 repeats one element. Any count. */
  combineFloats(
    kind: 0 | 1 | 2,
    a: number,
    aStep: 0 | 1,
    b: number,
    bStep: 0 | 1,
    count: number,
    out: number,
    add: 0 | 1,
  ): void
}
