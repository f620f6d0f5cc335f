import type { LineOptions } from './line.ts'

/** Options with those of a recipe below them, where one was given; the reader of recipes is loaded only then. */
export async function withRecipe(given: LineOptions & { readonly recipe?: string }): Promise<LineOptions> {
  const { recipe, ...flags } = given
  return recipe === undefined ? flags : (await import('./recipe.ts')).belowFlags(recipe, flags)
}
