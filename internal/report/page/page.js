
// The legend shows the values under the pointer beside the names of the lines.
for (const figure of document.querySelectorAll("figure")) {
  const chart = figure.querySelector(".chart");
  const lines = JSON.parse(figure.querySelector("script").textContent);
  const dots = figure.querySelectorAll(".dot");
  const outputs = figure.querySelectorAll("output");
  const nearest = (points, x) => points.reduce((a, b) => Math.abs(a.x - x) > Math.abs(b.x - x) ? b : a);

  chart.addEventListener("pointermove", event => {
    const box = chart.getBoundingClientRect();
    const x = 100 * (event.clientX - box.left) / box.width;
    lines.forEach((points, i) => {
      if (!points?.length) return;
      const point = nearest(points, x);
      dots[i].setAttribute("cx", point.x + "%");
      dots[i].setAttribute("cy", point.y + "%");
      dots[i].setAttribute("visibility", "visible");
      outputs[i].textContent = point.t;
    });
  });
  chart.addEventListener("pointerleave", () => {
    dots.forEach(dot => dot.setAttribute("visibility", "hidden"));
    outputs.forEach(output => output.textContent = "");
  });
}
