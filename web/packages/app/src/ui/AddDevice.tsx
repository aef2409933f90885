// Shows the code by which one more device joins the account: to scan, to type, to copy. It owns the code while it is open, and
// nothing keeps it after that.

import { type Device, wordsOfCode } from "@keepsake/sdk";
import { useEffect, useRef, useState } from "preact/hooks";
import { until } from "../format.js";
import { account } from "../state/account.js";
import { deviceLabel, devices, followDevices } from "../state/devices.js";
import { explain } from "../state/explain.js";
import { text } from "../text.js";
import { CopyLine } from "./CopyLine.js";
import { Modal } from "./Modal.js";
import { QrCode } from "./QrCode.js";

/** As long as the service takes it for good. */
const GOOD_FOR_MS = 15 * 60_000;
const LOOK_EVERY_MS = 2_000;
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

interface Shown {
  address: string;
  words: string;
  endsAt: Date;
}

export function AddDevice({ onClose }: { onClose: () => void }) {
  const [shown, setShown] = useState<Shown | undefined>(undefined);
  const [failure, setFailure] = useState<string | undefined>(undefined);
  const [now, setNow] = useState(Date.now());
  const before = useRef<string[] | undefined>(undefined);
  const isNew = ({ principal, isThis }: Device) =>
    !isThis && before.current?.includes(principal.toText()) === false;
  const joined = devices.value.find(isNew);
  const make = async () => {
    setFailure(undefined);
    try {
      // Who is there before the code is: the list may not have come yet.
      await followDevices();
      before.current ??= devices.peek().map(({ principal }) => principal.toText());
      const code = await account().keepsake.devices.invite();
      const address = new URL(`#join=${code}`, location.origin + location.pathname).href;
      const words = await wordsOfCode(code);
      setShown({ address, words, endsAt: new Date(Date.now() + GOOD_FOR_MS) });
    } catch (error) {
      setFailure(explain(error));
    }
  };
  useEffect(() => {
    void make();
    const clock = setInterval(() => {
      setNow(Date.now());
      followDevices().catch(() => {});
    }, LOOK_EVERY_MS);
    return () => clearInterval(clock);
  }, []);
  const isOver = shown !== undefined && shown.endsAt.getTime() <= now;
  return (
    <Modal title={text.addDevice.title} onClose={onClose}>
      {failure === undefined ? null : <p role="alert">{failure}</p>}
      {joined !== undefined ? (
        <>
          <p role="status">{text.addDevice.joined(deviceLabel(joined))}</p>
          <div class="modal-actions">
            <button type="button" class="primary" onClick={onClose}>
              {text.addDevice.done}
            </button>
          </div>
        </>
      ) : isOver || failure !== undefined ? (
        <>
          {isOver ? <p role="status">{text.addDevice.over}</p> : null}
          <button type="button" class="primary" onClick={() => void make()}>
            {text.addDevice.again}
          </button>
        </>
      ) : shown === undefined ? (
        <p aria-busy="true">{text.loading}</p>
      ) : (
        <Code shown={shown} now={now} />
      )}
    </Modal>
  );
}

function Code({ shown, now }: { shown: Shown; now: number }) {
  return (
    <>
      <p>{text.addDevice.lead}</p>
      {LOOPBACK.test(location.hostname) ? <p class="warning">{text.addDevice.local(location.host)}</p> : null}
      <QrCode text={shown.address} label={text.addDevice.qr} />
      <h3>{text.addDevice.words}</h3>
      <p class="words">{shown.words}</p>
      <CopyLine value={shown.address} label={text.addDevice.copy} />
      <p class="quiet">
        {text.addDevice.left(until(shown.endsAt, now))} {text.addDevice.warning}
      </p>
    </>
  );
}
