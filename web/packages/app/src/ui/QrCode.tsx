// A QR code of a text, dark on white whatever the colours of the page are: cameras want it so. It owns the drawing.

import { useEffect, useState } from "preact/hooks";

/** The white edge that readers need, in modules: https://www.qrcode.com/en/howto/code.html */
const QUIET_ZONE = 4;

export interface QrCodeProps {
  text: string;
  /** What the code is for, for whoever does not see it. */
  label: string;
}

export function QrCode({ text, label }: QrCodeProps) {
  const [drawn, setDrawn] = useState<{ size: number; path: string } | undefined>(undefined);
  useEffect(() => {
    let isWanted = true;
    void draw(text).then((found) => {
      if (isWanted) setDrawn(found);
    });
    return () => {
      isWanted = false;
    };
  }, [text]);
  const size = drawn?.size ?? 1;
  return (
    <svg class="qr-code" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`}>
      <rect width="100%" height="100%" fill="#fff" />
      <path d={drawn?.path ?? ""} fill="#000" shape-rendering="crispEdges" />
    </svg>
  );
}

async function draw(text: string): Promise<{ size: number; path: string }> {
  const { encodeQR } = await import("qr");
  const rows = encodeQR(text, "raw", { ecc: "medium", border: QUIET_ZONE });
  const dark = rows.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  return { size: rows.length, path: dark.join("") };
}
