/** The text while it is spoken: what was heard, the word that sounds, and what is to come. */

/**
 * The word that sounds at `sample`, in Unicode characters: all before it was heard. Between two words it is empty.
 * Without word times the sentence that sounds stands for the word.
 * @returns {{begin: number, end: number}}
 */
export function place(utterance, sample) {
  const { words, chunks } = utterance;
  if (words.length) {
    const next = words.findIndex((word) => word.end_sample > sample);
    const word = words[next];
    const heard = (next < 0 ? words.at(-1) : words[next - 1])?.text_end ?? 0;
    if (!word || word.start_sample > sample) return { begin: heard, end: heard };
    return { begin: word.text_begin, end: word.text_end };
  }
  const chunk = chunks.findLast((one) => one.first_sample <= sample);
  return { begin: chunk?.text_begin ?? 0, end: chunk?.text_end ?? 0 };
}

/** Words that were heard whole, and all of the text. */
export function count(utterance, sample) {
  const all = utterance.text.match(/\S+/gu)?.length ?? 0;
  const whole = utterance.words.filter((word) => word.end_sample <= sample);
  return { heard: whole.length, all, last: whole.at(-1)?.word };
}

export class Reading {
  constructor(element) {
    this.element = element;
    this.heard = document.createElement("span");
    this.heard.className = "heard";
    this.mark = document.createElement("mark");
    this.left = document.createElement("span");
    this.left.className = "left";
    element.append(this.heard, this.mark, this.left);
  }

  show(text, { begin, end }) {
    const key = `${text.length} ${begin} ${end}`;
    if (key === this.key) return;
    this.key = key;
    const characters = [...text];
    this.heard.textContent = characters.slice(0, begin).join("");
    this.mark.textContent = characters.slice(begin, end).join("");
    this.left.textContent = characters.slice(end).join("");
    this.mark.hidden = begin === end;
    if (begin < end) this.#follow();
  }

  /** Keeps the word that sounds in sight. */
  #follow() {
    const { element, mark } = this;
    const top = mark.offsetTop - element.offsetTop;
    if (top < element.scrollTop || top + mark.offsetHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top - element.clientHeight / 3;
    }
  }
}
