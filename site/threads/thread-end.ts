/** Waits for a thread that was told to end; ends it by `force` when there is no more time for that. */
export async function endedOrForced(ended: Promise<void>, force: () => void, hurry: AbortSignal): Promise<void> {
  if (hurry.aborted) force();
  hurry.addEventListener('abort', force);
  await ended;
  hurry.removeEventListener('abort', force);
}
