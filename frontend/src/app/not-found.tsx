import { MapPinOff } from "lucide-react";
import Link from "next/link";
import { buttonStyle } from "@/components/ui/button";
import { Notice } from "@/components/ui/notice";
import { texts } from "@/texts";

export default function NotFound() {
  return (
    <Notice level={1} icon={MapPinOff} title={texts.notFound.title} hint={texts.notFound.hint}>
      <Link href="/" className={buttonStyle({ look: "primary" })}>
        {texts.notFound.action}
      </Link>
    </Notice>
  );
}
