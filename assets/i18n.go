package assets

import "embed"

// I18n holds one translation file per language: the tablet's, i18n/fr.json and
// i18n/en.json, and those of the web pages, i18n/SET.fr.json and i18n/SET.en.json.
// Only internal/words reads it.
//
//go:embed i18n/*.json
var I18n embed.FS
