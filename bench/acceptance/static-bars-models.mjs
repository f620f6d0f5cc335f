/**
 * Models and bars of static-bars.mjs. `name` of the judge where it differs is `judge`; `bytes`: at most so many; `bars`: at least, by the
 * judge's figures; `kl`: below that of NNCF 3.4.0 (MIXED, fast_bias_correction False, 100 photos; 0.01777 nats on onnxruntime 1.30).
 */
const REBUILT = 'onnx-rebuilt'
const CIFAR = { path: 'cifar10/train500', preprocess: 'imagenet' }

export const MODELS = [
  {
    name: 'r20',
    kind: 'classes',
    path: `${REBUILT}/cifar10_resnet20.onnx`,
    calib: CIFAR,
    bytes: 322_000,
    bars: { agree: 99 },
    again: true,
  },
  {
    name: 'kwt',
    kind: 'classes',
    path: 'kws/kwt1_mfcc.onnx',
    calib: { path: 'kws/espeak_calib.npz' },
    bytes: 850_000,
    bars: { agree: 99 },
  },
  {
    name: 'espcn',
    kind: 'picture',
    path: `${REBUILT}/espcn_x3.onnx`,
    calib: {},
    bytes: 69_556,
    bars: { metric: 29.6 },
  },
  {
    name: 'gtcrn',
    kind: 'sound',
    path: 'audio/gtcrn/gtcrn_simple.onnx',
    calib: {},
    bytes: 430_000,
    bars: { agree: 38 },
  },
  {
    name: 'silero15',
    kind: 'speech',
    path: 'audio/silero/silero_vad_16k_op15.onnx',
    calib: {},
    bytes: 789_403,
    bars: { agree: 99.5 },
  },
  {
    name: 'silero',
    kind: 'speech',
    path: 'audio/silero/silero_vad.onnx',
    calib: {},
    bytes: 1_443_064,
    bars: { agree: 99.5 },
  },
  {
    name: 'sqz',
    kind: 'classes',
    path: `${REBUILT}/squeezenet1.1.onnx`,
    calib: { photos: 'imagenet' },
    bytes: 1_334_484,
    bars: { agree: 96 },
  },
  {
    name: 'mnv2',
    kind: 'classes',
    path: `${REBUILT}/mobilenetv2_tf1001.onnx`,
    calib: { photos: 'tf' },
    bytes: 3_758_361,
    bars: { agree: 98.3 },
    kl: 0.01777,
  },
  {
    name: 'nano',
    kind: 'boxes',
    path: 'detection/nanodet/nanodet.onnx',
    calib: {},
    bytes: 1_144_600,
    bars: { agree: 94, metric: 40.99 },
  },
  {
    name: 'style',
    kind: 'picture',
    path: `${REBUILT}/style_udnie.onnx`,
    calib: {},
    bytes: 1_720_640,
    bars: { agree: 44 },
  },
  // Nearest rounding to 4 bits leaves chance; what counts is the loss of right answers, float 79.5 and 88.67 %.
  {
    name: 'r20-4bit',
    judge: 'r20',
    kind: 'classes',
    path: `${REBUILT}/cifar10_resnet20.onnx`,
    calib: CIFAR,
    words: ['--effort', 'best', '--rule', 'op:Conv=int4-channel-sym', '--rule', 'op:Gemm=int4-channel-sym'],
    bars: { metric: 76.5 },
    integer: false,
  },
  {
    name: 'mnv2-4bit',
    judge: 'mnv2',
    kind: 'classes',
    path: `${REBUILT}/mobilenetv2_tf1001.onnx`,
    calib: { photos: 'tf' },
    // A zero a channel: integer kernels stay, as with symmetric codes.
    // All 100 photos calibrate, as the bar has it: a proof would hold a quarter of them back.
    words: ['--effort', 'best', '--rule', 'op:Conv=int4-channel-asym', '--no-verify'],
    bars: { metric: 85.67 },
    integer: false,
  },
]
