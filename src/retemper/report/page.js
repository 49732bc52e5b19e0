// Draws the charts with the page's own colours, and again when the theme changes.
(() => {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const config = { displayModeBar: false, responsive: true, doubleClick: "reset" };

  // A value of a colour key such as "--accent" names a CSS variable.
  const themed = (value, key, style) => {
    if (typeof value === "string") {
      return /color$/.test(key) && value.startsWith("--") ? style.getPropertyValue(value).trim() : value;
    }
    if (Array.isArray(value)) {
      return typeof value[0] === "object" ? value.map((v) => themed(v, key, style)) : value;
    }
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, themed(v, k, style)]));
    }
    return value;
  };

  const common = (style, narrow) => ({
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: style.getPropertyValue("--sans").trim(), size: narrow ? 11 : 12.5, color: style.getPropertyValue("--muted").trim() },
    margin: { l: narrow ? 48 : 60, r: 12, t: 8, b: 44 },
    legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", font: { size: narrow ? 11 : 12.5 } },
    hoverlabel: { bgcolor: style.getPropertyValue("--card").trim(), bordercolor: style.getPropertyValue("--line").trim(), font: { color: style.getPropertyValue("--ink").trim() } },
    hovermode: "closest",
    // On a touch screen a finger on a chart scrolls the page.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
  });

  const draw = () => {
    const style = getComputedStyle(root);
    const narrow = innerWidth < 640;
    for (const place of document.querySelectorAll("[data-figure]")) {
      const figure = figures[place.dataset.figure];
      if (!figure) continue;
      const base = common(style, narrow);
      const layout = { ...base, ...themed(figure.layout, "", style) };
      layout.legend = { ...base.legend, ...layout.legend };
      for (const [name, axis] of Object.entries(layout)) {
        if (!/^[xy]axis\d*$/.test(name)) continue;
        layout[name] = { automargin: true, linecolor: style.getPropertyValue("--line").trim(), ...axis };
        layout[name].title = { standoff: 8, font: { size: narrow ? 11.5 : 13 }, ...axis.title };
      }
      Plotly.react(place, themed(figure.data, "", style), layout, config);
    }
  };

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  // Paper is white: print with the light colours.
  addEventListener("beforeprint", () => { root.dataset.theme = "light"; draw(); });
  addEventListener("afterprint", () => { delete root.dataset.theme; draw(); });
})();
