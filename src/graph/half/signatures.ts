import type { Node } from '../../model/graph.ts'
import { isStandard } from '../walk.ts'

/**
 * What an operator takes and gives, a letter a place; the last letter goes on for the places after it.
 *   T  the float type it computes in: may be f16, all of its T alike
 *   F  f32 and nothing else
 *   A  takes any type as it comes
 *   L  gives i64        B  gives booleans        -  gives something else that is no float of this model
 */
export interface Signature {
  readonly takes: string
  readonly gives: string
}

const SIGNATURES = `
T>T: Abs Acos Acosh Asin Asinh Atan Atanh AveragePool Ceil Cos Cosh DepthToSpace Det Elu Erf Exp Flatten Floor Gelu GlobalAveragePool
T>T: GlobalLpPool GlobalMaxPool HardSigmoid HardSwish Hardmax Identity LRN LeakyRelu Log LogSoftmax LpNormalization LpPool
T>T: MeanVarianceNormalization Mish Neg Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softmax Softplus Softsign
T>T: SpaceToDepth Sqrt Swish Tan Tanh ThresholdedRelu Transpose
T>TL: MaxPool
T>L: ArgMax ArgMin
T>B: IsNaN
TT>T: Add DeformConv Div GridSample MatMul MaxRoiPool Mod Mul PRelu Pow RMSNormalization Sub
TT>B: Equal Greater GreaterOrEqual Less LessOrEqual
TTT>T: BatchNormalization Clip Concat Conv ConvTranspose Einsum Gemm GroupNormalization InstanceNormalization Max Mean Min Sum
TTT>TF: LayerNormalization SimplifiedLayerNormalization
TA>T: AffineGrid CenterCropPad Col2Im Compress Expand Gather GatherElements GatherND MaxUnpool ReduceL1 ReduceL2 ReduceLogSum
TA>T: ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Reshape ReverseSequence Slice Split
TA>T: Squeeze Tile Trilu Unsqueeze
TA>TB: Dropout
TA>TL: TopK
T>TL: Unique
TF>T: Upsample
TFFA>T: Resize
TATA>T: Pad
TAT>T: Scatter ScatterElements ScatterND
TTA>T: RoiAlign TensorScatter
ATT>T: Where
AAT>T: OneHot
AT>T: CastLike
TTTATT>T: Attention
TTTA>T: RotaryEmbedding
TAT>T: NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss
A>L: NonZero Shape Size
FFF>F: Bernoulli BlackmanWindow Celu CumSum DFT EyeLike GRU HammingWindow HannWindow ImageDecoder LSTM MelWeightMatrix RNN Range RandomNormal
FFF>F: RandomNormalLike RandomUniform RandomUniformLike STFT TfIdfVectorizer
FFF>B: IsInf
FFF>L: NonMaxSuppression
FFF>-: DynamicQuantizeLinear Multinomial QuantizeLinear
AFA>F: DequantizeLinear
`

/** Operators of com.microsoft. */
const MICROSOFT = `
T>T: Gelu Inverse QuickGelu
TT>T: BiasGelu BiasSplitGelu FastGelu FusedMatMul GridSample
TTT>T: BiasAdd FusedConv FusedGemm MoE
TTT>TF: LayerNormalization SimplifiedLayerNormalization
TTTTT>TFFT: SkipLayerNormalization
TTTT>TFFT: SkipSimplifiedLayerNormalization
AATTTTTA>T-T: EmbedLayerNormalization
TTTATTA>T: Attention
TTTTATTTA>T: MultiHeadAttention
TTTTTAATTATT>T: GroupQueryAttention
TATTA>T: RotaryEmbedding
TATTATA>T: MatMulNBits
AATTA>T: GatherBlockQuantized
TAT>T: MatMulBnb4
TA>T: Trilu
AFA>F: DequantizeLinear
FFF>-: QuantizeLinear
`

function table(text: string): ReadonlyMap<string, Signature> {
  const found = new Map<string, Signature>()
  for (const line of text.trim().split('\n')) {
    const [form = '', operators = ''] = line.split(': ')
    const [takes = '', gives = ''] = form.split('>')
    for (const op of operators.split(' ')) found.set(op, { takes, gives })
  }
  return found
}

const STANDARD = table(SIGNATURES)
const CONTRIB = table(MICROSOFT)

/** Undefined for operators that are not known, and for those that hold bodies. */
export function signatureOf(node: Node): Signature | undefined {
  if (isStandard(node)) return STANDARD.get(node.op)
  return node.domain === 'com.microsoft' ? CONTRIB.get(node.op) : undefined
}

/** The letter of a place. */
export function letterAt(letters: string, index: number): string {
  return letters[Math.min(index, letters.length - 1)] ?? 'A'
}
