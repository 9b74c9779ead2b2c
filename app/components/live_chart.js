// The engine of the live charts: one LiveChart per mounted element. live_chart.py puts `uPlot` and `STYLES` before it.

import { adopt, styleSheet } from "./browser/dom.js";
import { startEngine, whenGone } from "./browser/engine.js";
import { LiveChart } from "./browser/live_chart/chart.js";

const charts = new WeakMap(); // root element -> LiveChart
const sheet = styleSheet(STYLES);

startEngine("dmfLiveChart", ({ data, parentElement, setStateValue, setTriggerValue }) => {
  const root = parentElement.querySelector(".live-chart");
  if (!root || !data) return undefined;
  adopt(parentElement, sheet);
  if (!charts.has(root)) charts.set(root, new LiveChart(root));
  const chart = charts.get(root);
  Object.assign(chart, { setStateValue, setTriggerValue });
  chart.update(data);
  return whenGone(root, () => chart.destroy());
});

export default () => {};
