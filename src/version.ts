/** The version of package.json; `package.test.ts` holds the two together. */
export const VERSION = '0.1.0'
