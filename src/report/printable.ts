/**
 * Text from a model as something safe to print: control characters, line ends and direction overrides become visible
 * escapes, so that a hostile name can neither move the cursor nor forge a line.
 */
export function printable(text: string, longest = 200): string {
  const cut = text.length > longest ? `${text.slice(0, longest - 1)}…` : text
  return cut.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}

/** Keeps both ends of a long name: `layers.0…k_proj.weight`. */
export function shorten(text: string, longest: number): string {
  const clean = printable(text, 2000)
  if (clean.length <= longest) return clean
  const tail = Math.ceil((longest - 1) * 0.6)
  return `${clean.slice(0, longest - 1 - tail)}…${clean.slice(clean.length - tail)}`
}
