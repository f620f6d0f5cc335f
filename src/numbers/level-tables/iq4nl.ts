/** Levels of ggml's IQ4_NL; what they are is said in src/schemes/tables/iq4nl.ts. */
export const IQ4NL_LEVELS = Float32Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
