package assets

import "embed"

// I18n holds one translation file per language, i18n/fr.json and i18n/en.json.
// Only internal/words reads it.
//
//go:embed i18n/*.json
var I18n embed.FS
