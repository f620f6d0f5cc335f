/** Numbers that turn out to stand for the same thing: union-find with path halving. */
export class Unions {
  readonly #parents: number[] = []

  get size(): number {
    return this.#parents.length
  }

  /** New numbers, each alone; the first of them. */
  add(count: number): number {
    const first = this.#parents.length
    for (let at = first; at < first + count; at++) this.#parents.push(at)
    return first
  }

  root(of: number): number {
    const parents = this.#parents
    let at = of
    while (parents[at] !== at) {
      parents[at] = parents[parents[at] as number] as number
      at = parents[at] as number
    }
    return at
  }

  /** The lower root stands for both. */
  join(a: number, b: number): void {
    const [first, second] = [this.root(a), this.root(b)]
    this.#parents[Math.max(first, second)] = Math.min(first, second)
  }
}
