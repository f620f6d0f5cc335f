import { packBits, packedBitsLength, unpackBits } from '../../numbers/pack-bits.ts'
import { packedTritsLength, packTrits, unpackTrits } from '../../numbers/pack-trits.ts'
import { codeBits } from './code-count.ts'
import { loadParameter, parameterArray, storeParameter } from './parameter-store.ts'
import type { Storage } from './storage.ts'

/** Every type of parameter, bits and trits. */
export const FULL_STORAGE: Storage = {
  parameters: parameterArray,
  store: storeParameter,
  load: loadParameter,
  packedLength: (codec, count) =>
    codec.packing === 'trits' ? packedTritsLength(count) : packedBitsLength(count, codeBits(codec)),
  pack: (codec, codes) => (codec.packing === 'trits' ? packTrits(codes) : packBits(codes, codeBits(codec))),
  unpack: (codec, bytes, codes) =>
    codec.packing === 'trits' ? unpackTrits(bytes, codes) : unpackBits(bytes, codeBits(codec), codes),
}
