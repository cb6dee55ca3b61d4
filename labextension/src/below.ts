// Notebook 7's area below its one main widget, where the tabs of a run go there.
// Only what its shell leaves out: it opens the area no higher than its tab bar, and shows a tab there without turning to it.

import { SplitPanel, TabPanel, type Widget } from '@lumino/widgets';

const LEAST = 120; // px: less than this shows nothing of a log

export function turnTo(tab: Widget): void {
  const tabs = tab.parent?.parent;
  if (!(tabs instanceof TabPanel)) {
    return;
  }
  tabs.currentWidget = tab;
  const split = tabs.parent;
  // once it is laid out: an area that was hidden has no share yet
  requestAnimationFrame(() => {
    if (split instanceof SplitPanel && tabs.isVisible && tabs.node.offsetHeight < LEAST) {
      split.setRelativeSizes([3, 2]);
    }
  });
}
