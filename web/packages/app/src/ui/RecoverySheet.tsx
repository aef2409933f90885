// Makes a recovery sheet: shows 24 words, lets them be printed and saved, and asks for two of them before their key becomes a way
// in. It owns the words while it is open; closed before the end, nothing has changed.

import { newRecoveryWords } from "@keepsake/sdk";
import { useState } from "preact/hooks";
import { date } from "../format.js";
import { account, explainStart } from "../state/account.js";
import { joinSheet } from "../state/devices.js";
import { notify } from "../state/notices.js";
import { text } from "../text.js";
import { Modal } from "./Modal.js";

/** Four letters tell each word of the list from the others. */
const LETTERS_THAT_TELL = 4;

type Step = "lead" | "words" | "check";

export function RecoverySheet({ onClose }: { onClose: () => void }) {
  const [step, setStep] = useState<Step>("lead");
  const [words, setWords] = useState<readonly string[]>([]);
  const [failure, setFailure] = useState<string | undefined>(undefined);
  const show = async () => {
    try {
      if (words.length === 0) setWords((await newRecoveryWords()).split(" "));
      setStep("words");
    } catch (error) {
      setFailure(explainStart(error));
    }
  };
  const finish = async () => {
    setFailure(undefined);
    try {
      await joinSheet(words.join(" "));
      notify("info", text.recovery.done);
      onClose();
    } catch (error) {
      setFailure(explainStart(error));
    }
  };
  return (
    <Modal title={text.recovery.title} onClose={onClose} class="recovery">
      {failure === undefined ? null : <p role="alert">{failure}</p>}
      {step === "lead" ? <Lead onGo={() => void show()} /> : null}
      {step === "words" ? <Words words={words} onGo={() => setStep("check")} /> : null}
      {step === "check" ? <Check words={words} onBack={() => setStep("words")} onRight={finish} /> : null}
    </Modal>
  );
}

function Lead({ onGo }: { onGo: () => void }) {
  return (
    <>
      <p>{text.recovery.lead}</p>
      <div class="modal-actions">
        <button type="button" class="primary" onClick={onGo}>
          {text.recovery.make}
        </button>
      </div>
    </>
  );
}

function Words({ words, onGo }: { words: readonly string[]; onGo: () => void }) {
  return (
    <>
      <p>{text.recovery.write}</p>
      <div class="sheet">
        <h3>{text.recovery.sheetTitle}</h3>
        <ol class="sheet-words">
          {words.map((word, at) => (
            <li key={at}>{word}</li>
          ))}
        </ol>
        <dl class="sheet-about">
          {about().map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <p class="quiet">{text.recovery.sheetHow}</p>
      </div>
      <div class="modal-actions">
        <button type="button" onClick={() => print()}>
          {text.recovery.print}
        </button>
        <button type="button" onClick={() => save(words)}>
          {text.recovery.save}
        </button>
        <button type="button" class="primary" onClick={onGo}>
          {text.recovery.have}
        </button>
      </div>
    </>
  );
}

function Check(props: { words: readonly string[]; onBack: () => void; onRight: () => Promise<void> }) {
  const [places] = useState(() => twoOf(props.words.length));
  const [typed, setTyped] = useState<readonly string[]>(["", ""]);
  const [wrong, setWrong] = useState<number | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const check = async () => {
    const first = places.find((place, at) => !isWord(typed[at] ?? "", props.words[place] ?? ""));
    setWrong(first);
    if (first !== undefined) return;
    setBusy(true);
    await props.onRight();
    setBusy(false);
  };
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        void check();
      }}
    >
      <p>{text.recovery.check}</p>
      {places.map((place, at) => (
        <label key={place}>
          {text.recovery.word(place + 1)}
          <input
            required
            spellcheck={false}
            autocapitalize="none"
            autocomplete="off"
            value={typed[at]}
            onInput={(event) => setTyped(typed.with(at, event.currentTarget.value))}
          />
        </label>
      ))}
      {wrong === undefined ? null : <p role="alert">{text.recovery.wrong(wrong + 1)}</p>}
      <div class="modal-actions">
        <button type="button" onClick={props.onBack}>
          {text.recovery.again}
        </button>
        <button type="submit" class="primary" disabled={isBusy}>
          {text.recovery.finish}
        </button>
      </div>
    </form>
  );
}

function isWord(typed: string, word: string): boolean {
  const plain = typed.trim().toLowerCase();
  return plain === word || (plain.length >= LETTERS_THAT_TELL && word.startsWith(plain));
}

/** Two places of a list, in their order. */
function twoOf(count: number): [number, number] {
  const first = Math.floor(Math.random() * count);
  const second = (first + 1 + Math.floor(Math.random() * (count - 1))) % count;
  return first < second ? [first, second] : [second, first];
}

function about(): [string, string][] {
  return [
    [text.recovery.sheetFor, location.origin],
    [text.recovery.sheetAccount, account().principal],
    [text.recovery.sheetMade, date(new Date())],
  ];
}

function save(words: readonly string[]): void {
  const numbered = words.map((word, at) => `${String(at + 1).padStart(2)}. ${word}`);
  const lines = [
    text.recovery.sheetTitle,
    "",
    ...numbered,
    "",
    ...about().map(([name, value]) => `${name}: ${value}`),
    "",
    text.recovery.sheetHow,
    "",
  ];
  const address = URL.createObjectURL(new Blob([lines.join("\n")], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = text.recovery.fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
