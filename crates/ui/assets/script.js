// Keys and the clipboard. Every page works without this file; nothing is fetched and nothing is computed here.
"use strict";
(() => {
  const grid = document.querySelector("table[data-grid]");
  const cells = () => [...grid.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("a.cell")]).filter((row) => row.length);
  const typing = (target) => target.closest("input,select,textarea,button");
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || typing(event.target)) return;
    const link = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (link) {
      event.preventDefault();
      link.click();
      return;
    }
    if (!grid || !event.key.startsWith("Arrow")) return;
    const rows = cells();
    if (!rows.length) return;
    event.preventDefault();
    let y = rows.findIndex((row) => row.includes(document.activeElement));
    if (y < 0) {
      rows[0][0].focus();
      return;
    }
    let x = rows[y].indexOf(document.activeElement);
    if (event.key === "ArrowDown") y = Math.min(y + 1, rows.length - 1);
    if (event.key === "ArrowUp") y = Math.max(y - 1, 0);
    if (event.key === "ArrowRight") x += 1;
    if (event.key === "ArrowLeft") x -= 1;
    x = Math.max(0, Math.min(x, rows[y].length - 1));
    rows[y][x].focus();
    rows[y][x].scrollIntoView({ block: "nearest" });
  });
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy).value;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        const area = document.getElementById(button.dataset.copy);
        area.select();
        document.execCommand("copy");
      }
      button.textContent = button.dataset.done;
    });
  }
})();
