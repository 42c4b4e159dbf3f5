// One scan: steps through its slices, shows and hides what was drawn, windows, enlarges, measures.
"use strict";
{
  const find = id => document.getElementById(id), page = document.querySelector(".scan-page");
  const slices = JSON.parse(find("slices").textContent), facts = JSON.parse(find("settings").textContent);
  const stage = find("stage"), plane = find("plane"), slider = find("slider"), last = slices.length - 1;
  const picture = plane.querySelector("img"), rows = [...document.querySelectorAll("#tumours tbody tr")];
  const [liverFill, tumourFill, liverLine, tumourLine] = plane.querySelectorAll("path");
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const signed = value => String(Math.round(value)).replace("-", "−");
  const source = place => `data:image/jpeg;base64,${slices[place][2]}`;
  let place = Number(slider.value), tumour = -1;

  // Slices
  const near = new Map();
  const fetchNear = () => {
    for (const other of near.keys()) if (Math.abs(other - place) > 4) near.delete(other);
    for (let other = Math.max(0, place - 3); other <= Math.min(last, place + 3); other++) {
      if (near.has(other)) continue;
      const ahead = new Image();
      ahead.src = source(other);
      near.set(other, ahead);
    }
  };
  const marked = numbers => numbers.map(([number, x, y]) => {
    const mark = document.createElement("b");
    mark.textContent = number;
    mark.style.left = `${100 * x / facts.width}%`;
    mark.style.top = `${100 * y / facts.height}%`;
    return mark;
  });
  const draw = () => {
    const [, , , liver, lesion] = slices[place];
    liverFill.setAttribute("d", page.classList.contains("no-tumour") ? liver : liver + lesion);
    liverLine.setAttribute("d", liver);
    for (const path of [tumourFill, tumourLine]) path.setAttribute("d", lesion);
  };
  const show = wanted => {
    place = clamp(Math.round(wanted), 0, last);
    const [position, mm] = slices[place];
    picture.src = source(place);
    plane.querySelector(".marks").replaceChildren(...marked(slices[place][5]));
    draw();
    slider.value = place;
    find("told").textContent = `slice ${position}`;
    find("where").textContent = `slice ${position} · z ${mm.replace("-", "−")} mm`;
    slider.setAttribute("aria-valuetext", `slice ${position}, z ${mm} mm`);
    stage.setAttribute("aria-label", `Slice ${position}. Arrow keys step through the slices.`);
    for (const row of rows) row.classList.toggle("here", position >= row.dataset.first && position <= row.dataset.last);
    for (const thumb of document.querySelectorAll(".thumbs button"))
      thumb.toggleAttribute("aria-current", Number(thumb.dataset.place) === place);
    find("ruler").toggleAttribute("hidden", true);
    fetchNear();
  };
  const showTumour = wanted => {
    if (!rows.length) return;
    tumour = (wanted + rows.length) % rows.length;
    rows[tumour].scrollIntoView({ block: "nearest" });
    const { place: there, x, y } = rows[tumour].dataset;
    show(Number(there));
    if (zoom > 1) enlarge(zoom, Number(x), Number(y));
  };
  slider.addEventListener("input", () => show(Number(slider.value)));
  for (const button of document.querySelectorAll("button[data-by]"))
    button.addEventListener("click", () => show(place + Number(button.dataset.by)));
  for (const thumb of document.querySelectorAll(".thumbs button"))
    thumb.addEventListener("click", () => {
      show(Number(thumb.dataset.place));
      stage.scrollIntoView({ block: "nearest" });
    });
  rows.forEach((row, number) => row.addEventListener("click", () => showTumour(number)));

  // What was drawn
  const boxes = ["liver", "tumour"].map(name => [name, find(`show-${name}`)]).filter(([, box]) => box);
  const hide = () => {
    for (const [name, box] of boxes) page.classList.toggle(`no-${name}`, !box.checked);
    draw();
  };
  for (const [, box] of boxes) box.addEventListener("change", hide);
  const toggle = name => {
    const box = find(`show-${name}`);
    if (!box) return;
    box.checked = !box.checked;
    hide();
  };
  const fill = find("fill"), tint = () => page.style.setProperty("--fill", fill.value / 100);
  fill.addEventListener("input", tint);
  const tintBy = change => { fill.value = Number(fill.value) + change; tint(); };

  // Windows: a filter of the browser, as `results.scan_page.windows` explains.
  const presets = find("window"), level = find("level"), width = find("width"), [least, most] = facts.range;
  const look = (low, high) => {
    const slope = (most - least) / (high - low), contrast = 1 + 2 * (low - least) / (high - low);
    page.style.setProperty("--window", `brightness(${slope / contrast}) contrast(${contrast})`);
    find("hu").textContent = `${signed(low)} to ${signed(high)} HU`;
  };
  const preset = () => {
    const { low, high } = presets.selectedOptions[0].dataset;
    level.value = (Number(low) + Number(high)) / 2;
    width.value = high - low;
    look(Number(low), Number(high));
  };
  const own = () => {
    presets.selectedIndex = presets.options.length - 1;
    const low = clamp(level.value - width.value / 2, least, most - 20);
    look(low, clamp(Number(level.value) + width.value / 2, low + 20, most));
  };
  presets.addEventListener("change", preset);
  for (const slide of [level, width]) slide.addEventListener("input", own);
  const nextWindow = () => {
    presets.selectedIndex = (presets.selectedIndex + 1) % (presets.options.length - 1);
    preset();
  };

  // Enlarging: the plane grows and moves inside the stage. `middle` is what of the plane lies in the stage's middle.
  const largest = 8, middle = { x: 0.5, y: 0.5 };
  let zoom = 1;
  const enlarge = (wanted, x = middle.x, y = middle.y) => {
    zoom = clamp(wanted, 1, largest);
    middle.x = clamp(x, 0.5 / zoom, 1 - 0.5 / zoom);
    middle.y = clamp(y, 0.5 / zoom, 1 - 0.5 / zoom);
    plane.style.width = plane.style.height = `${100 * zoom}%`;
    plane.style.left = `${100 * (0.5 - middle.x * zoom)}%`;
    plane.style.top = `${100 * (0.5 - middle.y * zoom)}%`;
    stage.classList.toggle("enlarged", zoom > 1);
    const across = facts.width * facts.pixel / zoom, length = [100, 50, 20, 10, 5, 2, 1].find(mm => mm <= across / 3) ?? 1;
    find("scale").style.width = `${100 * length / across}cqw`;
    find("scale-mm").textContent = `${length} mm`;
    find("fit").textContent = zoom > 1 || !facts.box ? "whole" : "liver";
    find("ruler").toggleAttribute("hidden", true);
  };
  const fit = () => {
    if (zoom > 1 || !facts.box) return enlarge(1);
    const [left, top, right, bottom] = facts.box;
    const wanted = 0.92 * Math.min(facts.width / (right - left), facts.height / (bottom - top));
    enlarge(Math.max(wanted, 1.2), (left + right) / 2 / facts.width, (top + bottom) / 2 / facts.height);
  };
  find("in").addEventListener("click", () => enlarge(zoom * 1.4));
  find("out").addEventListener("click", () => enlarge(zoom / 1.4));
  find("fit").addEventListener("click", fit);

  // Mouse: the wheel steps, with Ctrl enlarges; a drag moves, with Shift measures.
  let rolled = 0;
  stage.addEventListener("wheel", event => {
    event.preventDefault();
    if (event.ctrlKey) {
      const box = stage.getBoundingClientRect(), factor = Math.exp(-event.deltaY / 300), kept = clamp(zoom * factor, 1, largest);
      const [dx, dy] = [(event.clientX - box.left) / box.width - 0.5, (event.clientY - box.top) / box.height - 0.5];
      return enlarge(kept, middle.x + dx / zoom - dx / kept, middle.y + dy / zoom - dy / kept);
    }
    rolled += event.deltaMode ? event.deltaY * 40 : event.deltaY;
    const steps = Math.trunc(rolled / 40);
    rolled -= steps * 40;
    if (steps) show(place - clamp(steps, -3, 3));
  }, { passive: false });
  let from = null;
  const line = find("ruler").querySelector("line");
  stage.addEventListener("pointerdown", event => {
    if (event.button) return;
    const box = stage.getBoundingClientRect();
    from = { x: event.clientX, y: event.clientY, at: { ...middle }, box, measures: event.shiftKey };
    stage.setPointerCapture(event.pointerId);
    stage.classList.toggle("moved", zoom > 1 && !from.measures);
  });
  stage.addEventListener("pointermove", event => {
    if (!from) return;
    const dx = event.clientX - from.x, dy = event.clientY - from.y, { box } = from;
    if (!from.measures) return zoom > 1 && enlarge(zoom, from.at.x - dx / box.width / zoom, from.at.y - dy / box.height / zoom);
    const ends = { x1: from.x - box.left, y1: from.y - box.top, x2: event.clientX - box.left, y2: event.clientY - box.top };
    for (const [name, value] of Object.entries(ends)) line.setAttribute(name, value);
    find("ruler").toggleAttribute("hidden", false);
    const mm = Math.hypot(dx / box.width * facts.width, dy / box.height * facts.height) / zoom * facts.pixel;
    find("where").textContent = `${mm.toFixed(1)} mm`;
  });
  for (const name of ["pointerup", "pointercancel"])
    stage.addEventListener(name, () => { from = null; stage.classList.remove("moved"); });

  // Keys, wherever the focus is, unless it is in something that has a use for them.
  const keys = {
    ArrowUp: () => show(place + 1), ArrowRight: () => show(place + 1), ArrowDown: () => show(place - 1), ArrowLeft: () => show(place - 1),
    PageUp: () => show(place + 5), PageDown: () => show(place - 5), Home: () => show(0), End: () => show(last),
    l: () => toggle("liver"), t: () => toggle("tumour"), n: () => showTumour(tumour + 1), N: () => showTumour(Math.max(tumour, 0) - 1),
    f: () => tintBy(10), F: () => tintBy(-10), w: nextWindow, z: fit, "+": () => enlarge(zoom * 1.4), "=": () => enlarge(zoom * 1.4), "-": () => enlarge(zoom / 1.4),
    h: () => page.classList.add("bare"),
  };
  document.addEventListener("keydown", event => {
    const key = event.key.length === 1 && event.key !== "N" && event.key !== "F" ? event.key.toLowerCase() : event.key;
    const used = event.target.closest?.("select, input[type=range]:not(#slider)") && event.key.length > 1;
    const scrolls = event.target.closest?.(".tall") && event.key.length > 1;
    if (!(key in keys) || used || scrolls || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    keys[key]();
  });
  document.addEventListener("keyup", event => { if (event.key.toLowerCase() === "h") page.classList.remove("bare"); });
  addEventListener("blur", () => page.classList.remove("bare"));

  // The picture is as large as leaves room for the slider below it.
  const makeRoom = () => page.style.setProperty("--above", `${stage.getBoundingClientRect().top + scrollY}px`);
  addEventListener("resize", makeRoom);

  for (const part of document.querySelectorAll(".scripted")) part.hidden = false;
  makeRoom();
  preset();
  tint();
  hide();
  enlarge(1);
  show(place);
}
