package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Config is a whole configuration file.
type Config struct {
	// Database is the address of the PostgreSQL database that holds the replica, with
	// its owner's log-in. Zero: a private PostgreSQL under DataDir.
	Database Credential
	// DataDir is the folder for what dossiersync keeps on this machine. It need not
	// exist yet.
	DataDir string
	// ErasuresFile records erasures outside the database, so that they can be carried
	// out again after the database was restored from a backup.
	ErasuresFile string
	// ErasuresFileGiven is true if the file was configured, and so has to exist.
	ErasuresFileGiven bool
	Worker            Worker
	PortalAPI         PortalAPI
	Ops               Ops
	Quarantine        Quarantine
	AccessLog         AccessLog
	// Tenants has at least one entry; their ids differ.
	Tenants []Tenant
	// Warnings are what is allowed but unwise, in the order of the file.
	Warnings []Fault
}

// Load reads the configuration file at path. A file with faults is refused with
// [Faults]. The environment is read with getenv only.
func Load(path string, getenv func(string) (string, bool), searches Searches) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("find the folder of %s: %w", path, err)
	}
	return parse(&loader{name: path, dir: dir, getenv: getenv, readFile: os.ReadFile, searches: searches}, data)
}

// Parse reads data as the contents of the file called name. Files named in it are
// opened with readFile, under paths that start from name's folder.
func Parse(
	name string, data []byte, getenv func(string) (string, bool), readFile func(string) ([]byte, error), searches Searches,
) (*Config, error) {
	l := &loader{name: name, dir: filepath.Dir(name), getenv: getenv, readFile: readFile, searches: searches}
	return parse(l, data)
}

func parse(l *loader, data []byte) (*Config, error) {
	root, ok := l.root(data)
	var c Config
	if ok {
		c = root.config()
	}
	if len(l.faults) > 0 {
		l.faults.sort()
		return nil, l.faults
	}
	l.warnings.sort()
	c.Warnings = l.warnings
	return &c, nil
}

func (v value) config() Config {
	s := v.section()
	defer s.end()
	c := Config{
		Database:     s.database(),
		DataDir:      s.key("data_dir").filePath("data"),
		ErasuresFile: s.key("erasures_file").filePath(""),
		Quarantine:   s.key("quarantine").quarantine(),
		AccessLog:    s.key("access_log").accessLog(),
		Tenants:      s.key("tenants").tenants(),
	}
	c.ErasuresFileGiven = c.ErasuresFile != ""
	if !c.ErasuresFileGiven {
		c.ErasuresFile = filepath.Join(c.DataDir, "erasures.jsonl")
	}
	private := !s.key("database").given() && !s.key("database_file").filled()
	c.Worker = s.key("worker").worker(private)
	c.PortalAPI = s.key("portal_api").portalAPI(private)
	if c.PortalAPI.ProofKeyFile == "" {
		c.PortalAPI.ProofKeyFile = filepath.Join(c.DataDir, "portal.key")
	}
	c.Ops = s.key("ops").ops(private, c.Tenants)
	return c
}

func (s *section) database() Credential {
	c := s.credential("database")
	text := string(c.Value)
	isURL := strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
	if text != "" && !isURL && !strings.Contains(text, "=") {
		s.key("database").faultf(
			"must be a PostgreSQL address, such as postgres://dossiersync@db.example:5432/dossiersync")
	}
	return c
}
