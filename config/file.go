package config

import (
	"errors"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v3"
)

// file returns the path of a file that can be read and is not empty. A path written
// as "" counts as left out; a variable that is empty is a fault as usual.
func (v value) file() string {
	if !v.filled() {
		return ""
	}
	path := v.filePath("")
	v.describe(schema{"minLength": 0})
	if path == "" {
		return ""
	}
	shown := path
	if strings.Contains(asWritten(v.node), "${") {
		shown = asWritten(v.node)
	}
	data, err := v.l.readFile(path)
	if err != nil {
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathErr.Err // without the path, which is shown above
		}
		v.faultf("names the file %s, which cannot be read: %s; "+
			"relative paths start from the folder of the configuration file", shorten(shown), err)
		return ""
	}
	if len(data) == 0 {
		v.faultf("names the file %s, which is empty", shorten(shown))
		return ""
	}
	return path
}

// filled reports whether v is in the file and not written as "".
func (v value) filled() bool {
	return v.given() && (v.node.Kind != yaml.ScalarNode || v.node.Value != "" || v.null())
}
