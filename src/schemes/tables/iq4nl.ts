/**
 * iq4nl: the fixed table of ggml's IQ4_NL, steps growing from the middle outwards.
 *
 *   value = scale * level(code)      code in [0, 15]; levels from -127 to 113, none of them 0
 *   4 + bits of the scale / block per weight      (ggml: blocks of 32, f16 scales: 4.5)
 *
 * ggml (`kvalues_iq4nl`), also the inner table of IQ4_XS.
 */
import type { LevelTable } from '../../model/array-scheme.ts'
import { IQ4NL_LEVELS } from '../../numbers/level-tables/iq4nl.ts'

export const IQ4NL: LevelTable = { levels: IQ4NL_LEVELS }
