// What an image stands on, what else goes in, and where it is pushed: chosen once for all that the panel makes.
// Used by This notebook (the base) and by Launch (the same values, among "more").

import { type JSX, useState } from 'react';

import { ChoiceField, TextField } from './fields';
import { useChanges, usePanel } from './hooks';

const KNOWN = ['', 'auto', 'host', 'pod'];

export function BaseField(): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  useChanges(state.targetChanged, state.inspectionChanged);
  const { base } = state.place;
  const [typing, setTyping] = useState(false);
  const own = typing || !KNOWN.includes(base);
  const settings = state.inspection.value?.base;
  return (
    <>
      <ChoiceField
        label={trans.__('Base image')}
        className="nbc-inline"
        value={own ? 'image' : base}
        choices={[
          { value: '', label: base === '' && settings ? trans.__('%1 (from the settings)', settings) : trans.__('as in the settings') },
          { value: 'auto', label: trans.__('auto: what fits here') },
          { value: 'host', label: trans.__('host: this machine') },
          { value: 'pod', label: trans.__('pod: the image of this pod') },
          { value: 'image', label: trans.__('an image…') }
        ]}
        onValue={value => {
          setTyping(value === 'image');
          if (value !== 'image') {
            state.choose({ base: value });
          }
        }}
      />
      {own && <OwnBase done={() => { setTyping(false); }} />}
    </>
  );
}

/** An image's name, taken when it is finished: each change makes the server look it up. */
function OwnBase({ done }: { done: () => void }): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  const { base } = state.place;
  const [text, setText] = useState(KNOWN.includes(base) ? '' : base);
  const take = () => {
    if (text.trim() !== '') {
      state.choose({ base: text.trim() });
      done();
    }
  };
  return (
    <TextField
      label={trans.__('Image')}
      className="nbc-inline"
      value={text}
      placeholder={trans.__('as python:3.11-slim')}
      onValue={setText}
      input={{
        onBlur: take,
        onKeyDown: event => {
          if (event.key === 'Enter') {
            event.preventDefault();
            take();
          }
        }
      }}
    />
  );
}

export function ImageFields(): JSX.Element {
  const { state } = usePanel();
  const { trans } = state;
  useChanges(state.targetChanged);
  return (
    <>
      <TextField
        label={trans.__('Also include')}
        value={state.place.include}
        placeholder={trans.__('distributions, as pyarrow, lxml')}
        onValue={include => { state.choose({ include }); }}
      />
      <TextField
        label={trans.__('Name of the image')}
        value={state.place.image}
        placeholder={trans.__('repository:tag')}
        hint={trans.__('Where it is pushed. With @sha256:… that image runs, and none is built.')}
        onValue={image => { state.choose({ image: image.trim() }); }}
      />
    </>
  );
}
