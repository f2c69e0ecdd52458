package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// Asset is a file that pages load.
type Asset struct {
	Media string
	Body  []byte
}

var media = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// assets has the files by name, and assetNames their URLs. A name contains a hash of the file, so
// that browsers may keep it forever.
var assets, assetNames = readAssets()

func readAssets() (map[string]Asset, map[string]string) {
	byName, names := make(map[string]Asset), make(map[string]string)
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		panic(err) // the files are part of the program
	}
	for _, e := range entries {
		ext := path.Ext(e.Name())
		if media[ext] == "" {
			continue
		}
		body, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err) // the files are part of the program
		}
		sum := sha256.Sum256(body)
		name := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		names[e.Name()] = "/assets/" + name
		byName[name] = Asset{Media: media[ext], Body: body}
	}
	return byName, names
}

// FindAsset returns the file with the name.
func FindAsset(name string) (Asset, bool) {
	a, ok := assets[name]
	return a, ok
}
