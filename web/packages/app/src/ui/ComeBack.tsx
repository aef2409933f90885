// The ways back into an account: a passkey, a code that another device shows, the words of a recovery sheet. It owns the forms.

import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import type { ServiceAddress } from "../canister-address.js";
import { explainStart, start } from "../state/account.js";
import { comeByCode, comeByPasskey, comeByWords } from "../state/coming-in.js";
import { text } from "../text.js";
import { Scanner } from "./Scanner.js";

export function ComeBack({ address }: { address: ServiceAddress }) {
  return (
    <div class="ways">
      {/* On the Internet Computer, who signs in there has passkeys already: those of Internet Identity. */}
      {address.isInternetComputer ? null : <ByPasskey address={address} />}
      <ByDevice address={address} />
      <BySheet address={address} />
    </div>
  );
}

function ByPasskey({ address }: { address: ServiceAddress }) {
  // Who has a key here already would go on with that.
  const hasKey = start.value.state === "ready" && start.value.account.signedBy === "browser";
  const [stays, setStays] = useState(hasKey);
  return (
    <Way
      title={text.comeBack.passkey}
      help={text.comeBack.passkeyHelp}
      action={text.comeBack.usePasskey}
      onGo={() => comeByPasskey(address, stays)}
    >
      {hasKey ? null : (
        <label class="switch">
          <input
            type="checkbox"
            checked={stays}
            onChange={(event) => setStays(event.currentTarget.checked)}
          />
          {text.comeBack.stay}
        </label>
      )}
    </Way>
  );
}

function ByDevice({ address }: { address: ServiceAddress }) {
  const [typed, setTyped] = useState("");
  const [isScanning, setScanning] = useState(false);
  return (
    <Way
      title={text.comeBack.device}
      help={text.comeBack.deviceHelp}
      action={text.comeBack.useCode}
      onGo={() => comeByCode(address, typed)}
      beside={
        <button type="button" onClick={() => setScanning(true)}>
          {text.comeBack.scan}
        </button>
      }
    >
      <label>
        {text.comeBack.code}
        <input
          class="wide"
          required
          spellcheck={false}
          autocapitalize="none"
          autocomplete="off"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      {isScanning ? (
        <Scanner
          onClose={() => setScanning(false)}
          onFound={(fragment) => {
            // As if the address had been opened: the page asks before anything is done.
            location.hash = fragment;
          }}
        />
      ) : null}
    </Way>
  );
}

function BySheet({ address }: { address: ServiceAddress }) {
  const [words, setWords] = useState("");
  return (
    <Way
      title={text.comeBack.sheet}
      help={text.comeBack.sheetHelp}
      action={text.comeBack.useWords}
      onGo={() => comeByWords(address, words)}
    >
      <label>
        {text.comeBack.words}
        <textarea
          class="wide"
          required
          rows={4}
          spellcheck={false}
          autocapitalize="none"
          autocomplete="off"
          value={words}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
      </label>
    </Way>
  );
}

interface WayProps {
  title: string;
  help: string;
  action: string;
  onGo: () => Promise<void>;
  beside?: ComponentChildren;
  children: ComponentChildren;
}

function Way(props: WayProps) {
  const titleId = useId();
  const [failure, setFailure] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const go = async () => {
    setFailure(undefined);
    setBusy(true);
    try {
      await props.onGo();
    } catch (error) {
      setFailure(explainStart(error));
    }
    setBusy(false);
  };
  return (
    <section class="way" aria-labelledby={titleId}>
      <h2 id={titleId}>{props.title}</h2>
      <p class="quiet">{props.help}</p>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void go();
        }}
      >
        {props.children}
        {failure === undefined ? null : <p role="alert">{failure}</p>}
        <div class="choices">
          <button type="submit" class="primary" disabled={isBusy}>
            {props.action}
          </button>
          {props.beside}
        </div>
      </form>
    </section>
  );
}
