import type { PictureRecipe } from '../pictures/recipe.ts'
import type { SoundRecipe } from '../sound/recipe.ts'

/** What `--preprocess` says; for pictures or for sounds. */
export interface Preprocess {
  readonly picture?: PictureRecipe
  readonly sound?: SoundRecipe
  /** As given, for messages. */
  readonly text: string
}
