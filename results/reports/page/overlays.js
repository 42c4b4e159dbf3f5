// Steps through the slices of a scan: one place in the sprites of all its pictures.
for (const viewer of document.querySelectorAll(".viewer")) {
  const slider = viewer.querySelector("input[type=range]"), told = viewer.querySelector("output");
  const [across, down, first, step] = ["across", "down", "first", "step"].map(name => Number(viewer.dataset[name]));
  const percent = (place, places) => `${places > 1 ? 100 * place / (places - 1) : 0}%`;
  const show = wanted => {
    const place = Math.min(Math.max(wanted, 0), Number(slider.max));
    slider.value = place;
    viewer.style.setProperty("--x", percent(place % across, across));
    viewer.style.setProperty("--y", percent(Math.floor(place / across), down));
    told.textContent = `slice ${first + place * step}`;
    slider.setAttribute("aria-valuetext", told.textContent);
  };
  const now = () => Number(slider.value);
  const keys = {
    ArrowLeft: () => now() - 1, ArrowDown: () => now() - 1, ArrowRight: () => now() + 1, ArrowUp: () => now() + 1,
    PageDown: () => now() - 5, PageUp: () => now() + 5, Home: () => 0, End: () => Number(slider.max),
  };
  slider.addEventListener("input", () => show(now()));
  viewer.querySelector(".panes").addEventListener("keydown", event => {
    if (!(event.key in keys) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    show(keys[event.key]());
  });
  for (const button of viewer.querySelectorAll("button[data-by]"))
    button.addEventListener("click", () => show(now() + Number(button.dataset.by)));
  for (const box of viewer.querySelectorAll("input[data-hides]")) {
    const apply = () => viewer.classList.toggle(`no-${box.dataset.hides}`, !box.checked);
    box.addEventListener("change", apply);
    apply();
  }
  show(now());
  viewer.querySelector(".steps").hidden = false;
}
