// The extension's own icons, as LabIcons that follow the theme.
// Used by the sidebar's tab, the toolbar, the menus and the palette.

import { LabIcon } from '@jupyterlab/ui-components';

import containerSvg from '../style/icons/container.svg';

export const containerIcon = new LabIcon({ name: '@nbcontainer/labextension:container', svgstr: containerSvg });
