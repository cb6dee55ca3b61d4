// The distributions and files that an image would hold, biggest first, each with why it is there.
// Used by This notebook.

import { InputGroup } from '@jupyterlab/ui-components';
import { type JSX, useState } from 'react';

import type { Inspection } from '../types';
import { usePanel } from './hooks';
import { Fold } from './parts';
import { size } from './words';

const FILTER_FROM = 16;

export function Distributions({ found }: { found: Inspection['distributions'] }): JSX.Element | null {
  const { trans } = usePanel().state;
  const [filter, setFilter] = useState('');
  if (found.length === 0) {
    return null;
  }
  const words = filter.trim().toLowerCase();
  const shown = [...found]
    .sort((one, other) => other.size - one.size)
    .filter(each => words === '' || [each.name, ...each.why].some(text => text.toLowerCase().includes(words)));
  const all = found.reduce((sum, each) => sum + each.size, 0);
  return (
    <Fold
      name="distributions"
      title={trans._n('%1 distribution, %2', '%1 distributions, %2', found.length, size(all))}
    >
      {found.length >= FILTER_FROM && (
        <InputGroup
          rightIcon="ui-components:search"
          type="search"
          value={filter}
          placeholder={trans.__('Filter by name or reason')}
          aria-label={trans.__('Filter distributions')}
          onChange={event => { setFilter(event.target.value); }}
        />
      )}
      <table className="nbc-table">
        <thead>
          <tr>
            <th>{trans.__('Distribution and why')}</th>
            <th>{trans.__('Version')}</th>
            <th className="nbc-number">{trans.__('Size')}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(each => (
            <tr key={each.name}>
              <td>
                <div className="nbc-break">{each.name}</div>
                <div className="nbc-why" title={each.why.join('\n')}>
                  {each.why.join(', ')}
                </div>
                {each.modified > 0 && (
                  <div className="nbc-why">
                    {trans._n('%1 file changed since its installation', '%1 files changed since its installation', each.modified)}
                  </div>
                )}
              </td>
              <td className="nbc-break">{each.version}</td>
              <td className="nbc-number">{size(each.size)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length === 0 && <p className="nbc-dim">{trans.__('None has "%1" in it.', filter)}</p>}
    </Fold>
  );
}

export function Files({ found }: { found: Inspection['files'] }): JSX.Element | null {
  const { trans } = usePanel().state;
  if (found.length === 0) {
    return null;
  }
  return (
    <Fold name="files" title={trans._n('%1 file beside the notebook', '%1 files beside the notebook', found.length)}>
      <table className="nbc-table">
        <thead>
          <tr>
            <th>{trans.__('File and why')}</th>
            <th className="nbc-number">{trans.__('Size')}</th>
          </tr>
        </thead>
        <tbody>
          {found.map(each => (
            <tr key={each.path}>
              <td>
                <div className="nbc-break">{each.path}</div>
                <div className="nbc-why" title={each.why}>
                  {each.module ? trans.__('module, %1', each.why) : each.why}
                </div>
              </td>
              <td className="nbc-number">{size(each.size)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Fold>
  );
}
