package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Config is a whole configuration file.
type Config struct {
	// Database is the address of the PostgreSQL database that holds the
	// replica, as its owner. Left out: a private PostgreSQL under DataDir.
	Database Credential
	// DataDir is the folder for what dossiersync keeps on this machine. It
	// need not exist yet. Default: data.
	DataDir string
	// ErasuresFile is where erasures are recorded outside the database, to be
	// carried out again when that is restored from a backup. Default:
	// erasures.jsonl under DataDir.
	ErasuresFile string
	// ErasuresFileGiven says that it was configured, and so has to be there.
	ErasuresFileGiven bool
	PortalAPI         PortalAPI
	Ops               Ops
	Quarantine        Quarantine
	AccessLog         AccessLog
	// Tenants has at least one entry; their ids differ.
	Tenants []Tenant
	// Warnings are what is allowed but unwise, in the order of the file.
	Warnings []Fault
}

// PortalAPI is the read side.
type PortalAPI struct {
	// Listen is host:port. Default: 127.0.0.1:8080.
	Listen string
	// Database is the address at which the API logs in as the reader. Left
	// out: derived from Config.Database.
	Database Credential
	TLS      TLS
	Auth     TokenAuth
}

// TLS is a server's certificate; all empty: plain HTTP.
type TLS struct {
	CertFile string // PEM, with intermediates
	KeyFile  string // PEM
	// ClientCAFile makes a client certificate that one of these authorities
	// signed mandatory. Empty: none is asked for.
	ClientCAFile string
}

// TokenAuth says which bearer tokens the portal API accepts.
type TokenAuth struct {
	Issuer   string // must equal `iss`
	Audience string // must be in `aud`
	// JWKSURL or JWKSFile, never both, has the issuer's public keys.
	JWKSURL  *url.URL
	JWKSFile string
	// TenantClaim is the claim that names the tenant. Default: tenant.
	TenantClaim string
}

// Ops is the operators' side.
type Ops struct {
	// Listen is host:port. Default: 127.0.0.1:8081.
	Listen string
	TLS    TLS
	// MetricsToken opens the metrics, of all tenants, and nothing else. Left out:
	// users who may read all tenants see them.
	MetricsToken Credential
	// Users may be empty only when Listen is on loopback.
	Users []User
}

// User is one operator.
type User struct {
	Name  string // unique; shown in the record of what was done
	Token Credential
	// Tenants are the ids that this user sees. "*" in the file is written out
	// here as all of them.
	Tenants []string
	// May has one or more of "read", "resync" and "approve".
	May []string
}

// Load reads the configuration file at path. A file that is wrong is refused
// with [Faults]. Only getenv is asked for the environment.
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

// Parse reads data as if it were the file called name. Files that it names are
// opened with readFile, under paths that count from name's folder.
func Parse(name string, data []byte, getenv func(string) (string, bool), readFile func(string) ([]byte, error), searches Searches) (*Config, error) {
	return parse(&loader{name: name, dir: filepath.Dir(name), getenv: getenv, readFile: readFile, searches: searches}, data)
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
	c.PortalAPI = s.key("portal_api").portalAPI(private)
	c.Ops = s.key("ops").ops(private, c.Tenants)
	return c
}

func (s *section) database() Credential {
	c := s.credential("database")
	if text := string(c.Value); text != "" && !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") && !strings.Contains(text, "=") {
		s.key("database").faultf("must be a PostgreSQL address, such as postgres://dossiersync@db.example:5432/dossiersync")
	}
	return c
}
