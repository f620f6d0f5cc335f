import type {
  AnsweredPhoto,
  BoxedPhoto,
  ComparedPictures,
  ScoredText,
  ShownBox,
  ShownSample,
} from '../../model/gallery.ts'
import { numberText } from '../figures.ts'
import { errorText } from '../layer-words.ts'
import { shorten } from '../printable.ts'
import { section } from './frame.ts'
import { html, type Markup, raw } from './html.ts'

const SAMPLE_STYLE = `
.shown { margin: 10px 0 0; display: grid; gap: 18px }
.trio { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 200px), 1fr)); gap: 10px }
.trio figure, .answered figure { margin: 0; min-width: 0 }
.trio img, .trio svg { width: 100%; display: block; border-radius: 6px; border: 1px solid var(--line); background: #000 }
.trio figure:has(img.small) img { image-rendering: pixelated }
.trio.sound { grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)) }
.trio.sound img { height: 180px; object-fit: fill }
.trio figcaption, .answered figcaption { font-size: 12.5px; color: var(--soft); margin-top: 3px; overflow-wrap: anywhere }
.shown h3 { margin: 0 0 6px; color: var(--ink); overflow-wrap: anywhere } .shown h3 span { color: var(--soft); font-weight: 400 }
.answered { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 14px }
.answered img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 6px; border: 1px solid var(--line); background: #000 }
.answered b { color: var(--ink) } .answered .wrong { color: var(--bad); font-weight: 600 }
svg .box { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke } svg .box.float { stroke: #35d07f } svg .box.now { stroke: #ffb020 }
svg .tag { font: 600 11px system-ui, sans-serif; paint-order: stroke; stroke: #000; stroke-width: 3px; fill: #fff }
.shown p.sub { font-size: 12.5px; margin: 5px 0 2px }
.tokens { display: flex; flex-wrap: wrap; gap: 3px; font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, monospace }
.tokens span { background: var(--wash); border-radius: 4px; padding: 0 5px; white-space: pre } .tokens .other { background: var(--bad-wash); color: var(--bad) }
`

/** What people look at or listen to, float beside quantized; nothing where nothing was kept. */
export function sampleSection(shown: readonly ShownSample[] | undefined): Markup {
  if (shown === undefined || shown.length === 0) return html``
  const photos = shown.filter((one) => one.kind === 'photo')
  const rest = shown.filter((one) => one.kind !== 'photo')
  const parts = rest.map((one) => {
    if (one.kind === 'text') return scoredText(one)
    return one.kind === 'boxes' ? boxedPhoto(one) : comparedPictures(one)
  })
  if (photos.length > 0) parts.push(html`<div class="answered">${photos.map(answeredPhoto)}</div>`)
  return section(
    'Samples',
    aboutOf(shown),
    html`<style>${raw(SAMPLE_STYLE)}</style>`,
    html`<div class="shown">${parts}</div>`,
  )
}

function aboutOf(shown: readonly ShownSample[]): string {
  const has = (kind: ShownSample['kind']) => shown.some((one) => one.kind === kind)
  return [
    has('pictures') ? 'The difference is drawn eight times as strong; black is none.' : undefined,
    has('spectrogram')
      ? 'Time to the right, frequency upwards, 80 dB from dark to bright; the difference on the same scale.'
      : undefined,
    has('boxes') ? 'Green: float; orange: the new model.' : undefined,
    has('photo') ? 'Photos where the models disagree come first.' : undefined,
    has('text') ? 'What each model expects next, token by token; marked where they differ.' : undefined,
  ]
    .filter((one) => one !== undefined)
    .join(' ')
}

function comparedPictures(one: ComparedPictures): Markup {
  const sound = one.kind === 'spectrogram'
  const pictures: readonly (readonly [string, string | undefined])[] = [
    ['input', one.input],
    ['float', one.float],
    ['quantized', one.quantized],
    [sound ? 'difference' : 'difference × 8', one.difference],
  ]
  const figures = pictures.flatMap(([name, source]) =>
    source === undefined || !isOurs(source)
      ? []
      : [
          html`<figure><img alt="${name}: ${one.label}" width="${one.width}" height="${one.height}" class="${one.width < 160 ? 'small' : ''}" src="${raw(source)}"${sound ? undefined : raw(` style="aspect-ratio:${one.width}/${one.height};height:auto"`)}><figcaption>${name}</figcaption></figure>`,
        ],
  )
  return html`<div>${heading(one, `${sound ? 'SNR' : 'PSNR'} ${errorText(one.db)}`)}<div class="trio${sound ? ' sound' : ''}">${figures}</div></div>`
}

function boxedPhoto(one: BoxedPhoto): Markup {
  if (!isOurs(one.source)) return html``
  const view = (name: string, boxes: readonly ShownBox[], shade: string) =>
    html`<figure><svg viewBox="0 0 ${one.width} ${one.height}" role="img" aria-label="${name}: ${one.label}"><image href="${raw(one.source)}" width="${one.width}" height="${one.height}"/>${boxes.map((box) => boxOf(box, shade))}</svg><figcaption>${name}, ${boxes.length} ${boxes.length === 1 ? 'box' : 'boxes'}</figcaption></figure>`
  return html`<div>${heading(one, '')}<div class="trio">${view('float', one.float, 'float')}${view('quantized', one.quantized, 'now')}</div></div>`
}

function boxOf({ left, top, right, bottom, text }: ShownBox, shade: string): Markup {
  const [x, y, width, height] = [left, top, right - left, bottom - top].map((value) => value.toFixed(1))
  return html`<rect class="box ${shade}" x="${x}" y="${y}" width="${width}" height="${height}"/><text class="tag" x="${x}" y="${Math.max(10, top - 3).toFixed(1)}">${text}</text>`
}

function answeredPhoto({ source, label, expected, float, quantized, same }: AnsweredPhoto): Markup {
  if (!isOurs(source)) return html``
  const answers = same
    ? html`<b>${float}</b><br>now ${quantized}`
    : html`<b>float ${float}</b><br><span class="wrong">now ${quantized}</span>`
  const truth = expected === undefined ? undefined : html`<br>is ${expected}`
  return html`<figure><img alt="${label}" src="${raw(source)}"><figcaption>${answers}${truth}</figcaption></figure>`
}

function scoredText(one: ScoredText): Markup {
  const bits = one.bits && `${numberText(one.bits.float)} bits a token in float, ${numberText(one.bits.quantized)} now`
  const line = (name: string, pick: (token: ScoredText['tokens'][number]) => string, marked: boolean) =>
    html`<p class="sub">${name}</p><div class="tokens">${one.tokens.map((token) => html`<span class="${marked && token.float !== token.quantized ? 'other' : ''}">${pick(token)}</span>`)}</div>`
  return html`<div>${heading(one, bits ?? '')}${line('given', ({ given }) => given, false)}${line('float expects next', ({ float }) => float, false)}${line('the new model', ({ quantized }) => quantized, true)}</div>`
}

function heading({ label, ...one }: ShownSample, figure: string): Markup {
  const output = 'output' in one ? ` ${one.output}` : ''
  return html`<h3>${shorten(label, 80)} <span>${output}${figure === '' ? '' : `  ${figure}`}</span></h3>`
}

/** Made by us, and nothing but a picture. */
function isOurs(source: string): boolean {
  return /^data:image\/png;base64,[A-Za-z0-9+/=]+$/.test(source)
}
