/** Fitted codes: levels or vectors found for the values at hand. */
export { type CodebookOptions, codebookCodec } from './codebook-codec.ts'
export { CODEBOOK_FAMILIES } from './codebook-families.ts'
export { exactCodebook } from './exact-codebook.ts'
export { type FittedOptions, fittedCodec } from './fitted-codec.ts'
export { type ProductOptions, productCodec } from './product-codec.ts'
