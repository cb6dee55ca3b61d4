// Every rule here is an error: `jlpm lint` allows no warning.
import eslint from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import tseslint from 'typescript-eslint';

/** The plugin's own recommendation, with its warnings made errors. */
const jupyterRecommended = jupyter.configs.recommended.map(part => ({
  ...part,
  plugins: { jupyter },
  rules: Object.fromEntries(
    Object.entries(part.rules).map(([name, level]) => [name, level === 'off' ? 'off' : 'error'])
  )
}));

export default tseslint.config(
  { ignores: ['lib/', 'node_modules/', 'src/wire.ts', 'coverage/'] },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [eslint.configs.recommended, tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // Lumino's own idiom: an interface of options in the namespace of its class.
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Lumino signals take a method and its `this`.
      '@typescript-eslint/unbound-method': 'off',
      eqeqeq: 'error',
      'max-lines': ['error', { max: 300 }],
      'no-console': ['error', { allow: ['warn', 'error'] }]
    }
  },
  jupyterRecommended,
  // The panel is in the sidebar from the start; what opens later, the tabs, is loaded when it opens.
  { files: ['src/index.ts'], rules: { 'jupyter/prefer-lazy-imports': 'off' } },
  // Node's own modules and the browser's globals in the few JavaScript files.
  { files: ['**/*.js', '**/*.mjs'], extends: [eslint.configs.recommended] }
);
