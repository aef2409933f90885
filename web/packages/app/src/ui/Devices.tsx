// The devices of one's account, and the ways to more of them. It owns which of those dialogs is open.

import type { Device, Passkey } from "@keepsake/sdk";
import { useEffect, useState } from "preact/hooks";
import { date } from "../format.js";
import { account, explainStart } from "../state/account.js";
import {
  deviceLabel,
  devices,
  isPersisted,
  joinPasskey,
  loadDevices,
  makePasskey,
  removeDevice,
  renameDevice,
} from "../state/devices.js";
import { notify } from "../state/notices.js";
import { text } from "../text.js";
import { AddDevice } from "./AddDevice.js";
import { Confirm } from "./Confirm.js";
import { RecoverySheet } from "./RecoverySheet.js";

export function Devices() {
  const [failure, setFailure] = useState<string | undefined>(undefined);
  const [opened, setOpened] = useState<"device" | "sheet" | undefined>(undefined);
  const attempt = async (deed: () => Promise<void>) => {
    setFailure(undefined);
    try {
      await deed();
    } catch (error) {
      setFailure(explainStart(error));
    }
  };
  useEffect(() => {
    void attempt(loadDevices);
  }, []);
  const close = () => setOpened(undefined);
  return (
    <section class="devices" aria-labelledby="devices-title">
      <h3 id="devices-title">{text.devices.title}</h3>
      <p class="quiet">{text.devices.lead}</p>
      {devices.value.length === 1 && account().signedBy === "browser" ? <OnlyWay /> : null}
      <ul class="members">
        {devices.value.map((device) => (
          <DeviceRow key={device.principal.toText()} device={device} attempt={attempt} />
        ))}
      </ul>
      {failure === undefined ? null : <p role="alert">{failure}</p>}
      <div class="choices">
        <button type="button" class="primary" aria-haspopup="dialog" onClick={() => setOpened("device")}>
          {text.devices.add}
        </button>
        {account().address.isInternetComputer ? null : <AddPasskey attempt={attempt} />}
        <button type="button" aria-haspopup="dialog" onClick={() => setOpened("sheet")}>
          {text.devices.addSheet}
        </button>
      </div>
      {opened === "device" ? <AddDevice onClose={close} /> : null}
      {opened === "sheet" ? <RecoverySheet onClose={close} /> : null}
    </section>
  );
}

function OnlyWay() {
  return (
    <p class="warning">
      {text.secondWay.lead} {isPersisted.value ? "" : text.devices.dropped}
    </p>
  );
}

type Attempt = (deed: () => Promise<void>) => Promise<void>;

/** Making one and using it are two questions, and some browsers want a click for each. */
function AddPasskey({ attempt }: { attempt: Attempt }) {
  const [made, setMade] = useState<Passkey | undefined>(undefined);
  const join = async (passkey: Passkey) => {
    await joinPasskey(passkey);
    setMade(undefined);
    notify("info", text.devices.passkeyAdded);
  };
  const make = async () => {
    const passkey = await makePasskey();
    try {
      await join(passkey);
    } catch {
      setMade(passkey);
    }
  };
  if (made === undefined) {
    return (
      <button type="button" onClick={() => void attempt(make)}>
        {text.devices.addPasskey}
      </button>
    );
  }
  return (
    <>
      <button type="button" class="primary" onClick={() => void attempt(() => join(made))}>
        {text.devices.usePasskey}
      </button>
      <p role="status">{text.devices.confirmPasskey}</p>
    </>
  );
}

function DeviceRow({ device, attempt }: { device: Device; attempt: Attempt }) {
  const [state, setState] = useState<"shown" | "renamed" | "removed">("shown");
  const label = deviceLabel(device);
  const show = () => setState("shown");
  return (
    <li>
      {state === "renamed" ? (
        <NewName
          before={device.name}
          onCancel={show}
          onSave={async (name) => {
            await attempt(() => renameDevice(device, name));
            show();
          }}
        />
      ) : (
        <>
          <div>
            <strong>
              <bdi>{label}</bdi>
            </strong>
            <p class="quiet">{about(device)}</p>
          </div>
          <button
            type="button"
            aria-label={text.devices.renameNamed(label)}
            onClick={() => setState("renamed")}
          >
            {text.devices.rename}
          </button>
          <button
            type="button"
            aria-label={text.devices.removeNamed(label)}
            onClick={() => setState("removed")}
          >
            {text.devices.remove}
          </button>
        </>
      )}
      {state === "removed" ? (
        <Confirm
          title={text.devices.removeTitle(label)}
          lead={device.isThis ? text.devices.removeThisLead : text.devices.removeLead}
          action={text.devices.remove}
          onCancel={show}
          onConfirm={async () => {
            await attempt(() => removeDevice(device));
            show();
          }}
        />
      ) : null}
    </li>
  );
}

function NewName(props: { before: string; onSave: (name: string) => Promise<void>; onCancel: () => void }) {
  const [name, setName] = useState(props.before);
  return (
    <form
      class="in-line"
      onSubmit={(event) => {
        event.preventDefault();
        void props.onSave(name);
      }}
    >
      <label>
        {text.devices.name}
        <input
          // biome-ignore lint/a11y/noAutofocus: the person asked for this field by a click
          autoFocus
          maxLength={100}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary">
        {text.devices.save}
      </button>
      <button type="button" onClick={props.onCancel}>
        {text.cancel}
      </button>
    </form>
  );
}

function about({ isThis, isPasskey, addedAt, lastUploadDay }: Device): string {
  return [
    isThis ? text.devices.this : "",
    isPasskey ? text.devices.passkey : "",
    addedAt === undefined ? text.devices.first : text.devices.added(date(addedAt)),
    lastUploadDay === undefined ? "" : text.devices.lastUpload(date(lastUploadDay)),
  ]
    .filter((part) => part !== "")
    .join(", ");
}
