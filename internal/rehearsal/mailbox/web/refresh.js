// Reloads the page when a newer message has come, and never while someone types.
"use strict";
const panes = document.getElementById("panes");
const filter = document.getElementById("to");
setInterval(async () => {
  if (document.activeElement === filter) return;
  try {
    const answer = await fetch("/api/messages?limit=1&to=" + encodeURIComponent(filter.value), { cache: "no-store" });
    const [newest] = await answer.json();
    if (newest && newest.id !== panes.dataset.newest) {
      const next = new URL(location.href);
      next.searchParams.delete("id");
      location.replace(next);
    }
  } catch {
    // The service is restarting; the next turn will tell.
  }
}, 2000);
