package realidp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Postgres is a PostgreSQL of the test's own, for servers that need a grown-up database.
// Make it with StartPostgres.
type Postgres struct {
	// URL is the address of its one database, on loopback, open to whoever knows the port.
	URL string

	cluster string
	process *process
}

// StartPostgres makes a cluster in the directory for temporary files and serves it until
// Close. The programs are Debian's (package postgresql). They refuse to be root: for root
// they run as nobody.
func StartPostgres(ctx context.Context) (*Postgres, error) {
	pg, err := startPostgres(ctx)
	if err != nil {
		return nil, fmt.Errorf("realidp: start PostgreSQL: %w", err)
	}
	return pg, nil
}

func startPostgres(ctx context.Context) (_ *Postgres, err error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	// Not below a test's own directory, where nobody may not go.
	cluster, err := os.MkdirTemp("", "realidp-postgres-")
	if err != nil {
		return nil, err
	}
	pg := &Postgres{cluster: cluster}
	defer func() {
		if err != nil {
			err = errors.Join(err, pg.Close())
		}
	}()
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		if attr.Credential, err = nobody(); err != nil {
			return nil, err
		}
		if err := os.Chown(cluster, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			return nil, err
		}
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", cluster, "-U", "realidp",
		"--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
	initdb.Dir, initdb.SysProcAttr = "/", attr
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, tail(out, 2000))
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	// Its end is Close's to bring about, not ctx's.
	cmd := exec.Command(filepath.Join(bin, "postgres"), "-D", cluster, "-p", strconv.Itoa(port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=100")
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: attr.Credential}
	if pg.process, err = begin(cmd); err != nil {
		return nil, err
	}
	pg.URL = fmt.Sprintf("postgres://realidp@127.0.0.1:%d/postgres?sslmode=disable", port)
	return pg, pg.process.ready(ctx, func(ctx context.Context) error {
		return exec.CommandContext(ctx, filepath.Join(bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port)).Run()
	})
}

// postgresPrograms is where the newest PostgreSQL's programs are.
func postgresPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", errors.New("no initdb below /usr/lib/postgresql (package postgresql)")
	}
	return filepath.Dir(slices.Max(found)), nil
}

func nobody() (*syscall.Credential, error) {
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// Close ends the server and removes its data.
func (pg *Postgres) Close() error {
	p := pg.process
	pg.process = nil
	return errors.Join(p.stop(), os.RemoveAll(pg.cluster))
}
