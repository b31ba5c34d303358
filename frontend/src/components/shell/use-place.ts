"use client";

import { useEffect } from "react";
import { currentPlace } from "@/lib/place";

/** While this view is shown, what is added goes there. Without a name it goes nowhere. */
export function usePlace(userId: string, appointmentId: string | null, name: string | null): void {
  useEffect(() => {
    if (name === null) return;
    currentPlace.set({ owner: { userId, appointmentId }, name });
    return () => currentPlace.set(null);
  }, [userId, appointmentId, name]);
}
