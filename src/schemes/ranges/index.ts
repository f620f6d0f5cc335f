/** Grids and ranges as PyTorch, TensorFlow and ONNX choose and use them: docs/equivalents.md. */
export { type AffineCodes, type AffineOptions, dequantizeAffine, fakeQuantize, quantizeAffine } from './affine.ts'
export { onnxDynamicRange } from './onnx-range.ts'
export type { SharedAlong } from './shared-along.ts'
export {
  fakeQuantizeTensorflow,
  type NudgedRange,
  type TensorflowFakeOptions,
  tensorflowRange,
} from './tensorflow-fake.ts'
export {
  dequantizeTensorflow,
  quantizeTensorflow,
  type TensorflowMode,
  type TensorflowQuantized,
  type TensorflowQuantizeOptions,
  type TensorflowRange,
} from './tensorflow-quantize.ts'
export { quantizeAndDequantizeTensorflow, type RoundTripOptions } from './tensorflow-round-trip.ts'
export type { TensorflowType } from './tensorflow-types.ts'
export { type TorchGrid, type TorchRangeOptions, torchDynamicQParams, torchQParams } from './torch-range.ts'
export { type TorchRowOptions, torchRowRange } from './torch-row-range.ts'
