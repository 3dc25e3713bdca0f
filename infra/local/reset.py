"""`reset`: deletes the local cloud's data."""

import shutil

from infra.local.emulator import Emulator
from infra.local.home import Home
from infra.local.postgres import EmbeddedPostgres

# Only what we made ourselves: CRONNY_HOME may be a folder with other things in it.
OWN = ("demo-finished", "demo-password", "echo-port", "jwt-secret", "secrets-key", "session.json")


def reset(home: Home, ask: bool) -> int:
    """Answers 1 when the person did not say yes. Raises LocalCloudError while the local cloud runs."""
    with home.alone():
        if (
            ask
            and input(f"Delete the local cloud's database, secrets and ports in {home.path}? [y/N] ").strip().lower()
            != "y"
        ):
            print("Nothing was deleted.")
            return 1
        erase(home)
        print(f"The local cloud's data in {home.path} is deleted.")
    return 0


def erase(home: Home) -> None:
    """Deletes the data of a local cloud that does not run; to be called while holding `home.alone()`."""
    EmbeddedPostgres(home.path).destroy()
    Emulator(home.path).kill_leftovers()
    shutil.rmtree(home.path / "emulator", ignore_errors=True)
    for name in OWN:
        (home.path / name).unlink(missing_ok=True)
