"""Starting the dashboard: Streamlit's settings from `streamlit_config.toml`, and no open door by accident.

Streamlit can't be told the name of a configuration file, so its options are handed over here (`st.App(...).run(config=...)`).
An address that other machines reach is refused unless somebody signs in (OpenID Connect), a proxy that authenticates is
declared, or the danger is accepted in so many words.
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import os
import socket
import sys
import threading
import time
import tomllib
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.early import EarlyCode, element_code
from dashboard.first_reading import FirstReading
from dashboard.landing import LandingName
from dashboard.running import Running, hand_over
from dashboard.settings import Settings, default_store, load_settings
from dashboard.shipped import shipped
from parsers import errors

LOOPBACK, PORT = "127.0.0.1", 8501
LANDING = "deployments"  # the landing page's name; `views.deployments` needs Streamlit, which loads while files are read
_SECRETS = (Path(".streamlit") / "secrets.toml", Path.home() / ".streamlit" / "secrets.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Where to listen and who may come in.

    `public_hosts` are the host names that browsers use (against DNS rebinding); `allow` the e-mail addresses or `@domains` that
    may sign in; `behind_proxy` declares a proxy that authenticates; `open_to_anyone` accepts the danger.
    """

    host: str = LOOPBACK
    port: int = PORT
    public_hosts: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    behind_proxy: bool = False
    open_to_anyone: bool = False
    browser: bool = False


def serve(options: argparse.Namespace) -> int:
    """`triage dashboard` and `triage demo`: settings and exposure from the command line, then serve until stopped."""
    given = vars(options)
    keys = (
        "cluster", "service", "log_groups", "region", "profile", "endpoint_url", "store", "packs", "migrations",
    )  # fmt: skip
    flags = {key: given.get(key) for key in keys}
    flags["from"] = given.get("sources")
    if given.get("demo") and not flags["store"]:
        flags["store"] = default_store().with_name("demo.db")  # the sample never mixes with anybody's own logs
    serve_settings(load_settings({key: value for key, value in flags.items() if value}), exposure_of(options))
    return 0


def exposure_of(options: argparse.Namespace) -> Exposure:
    """Where to listen and who may come in, from the command line's words."""
    given = vars(options)
    return Exposure(
        host=given.get("address") or LOOPBACK,
        port=given.get("port") or PORT,
        public_hosts=tuple(given.get("public_host") or ()),
        allow=tuple(given.get("allow") or ()),
        behind_proxy=bool(given.get("behind_proxy")),
        open_to_anyone=bool(given.get("open_to_anyone")),
        browser=not given.get("no_browser", True),
    )


def serve_settings(settings: Settings, exposure: Exposure, *, secrets: Mapping[str, Any] | None = None) -> None:
    """Serve until stopped. Raises UsageError before anything listens when the address would be open to anyone."""
    signs_in = has_sign_in(secrets)
    check(exposure, signs_in=signs_in)
    reads = bool(settings.sources or settings.cluster or settings.log_groups)
    only_files = bool(settings.sources) and not (settings.cluster or settings.log_groups)
    reading = FirstReading(settings) if only_files else None
    hand_over(Running(settings=settings, allow=exposure.allow, signs_in=signs_in, reads_at_start=reads, reading=reading))
    import streamlit as st
    from starlette.middleware import Middleware

    if exposure.browser and has_screen():
        threading.Thread(target=_open_browser, args=(exposure,), daemon=True).start()
    top, below = element_code(Path(st.__file__).with_name("static"))
    st.App(
        Path(__file__).with_name("app.py"),
        secrets=dict(secrets) if secrets else None,
        middleware=[Middleware(LandingName, name=LANDING), Middleware(EarlyCode, top=top, below=below)],
    ).run(config=streamlit_options(exposure))


def has_screen() -> bool:
    """Whether opening a browser could show anything; over SSH or in a container it could not."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_browser(exposure: Exposure) -> None:
    """Opens the landing page once the server listens; gives up quietly after half a minute."""
    address = exposure.host if is_loopback(exposure.host) else LOOPBACK
    for _ in range(150):
        with contextlib.suppress(OSError), socket.create_connection((address.strip("[]"), exposure.port), timeout=1):
            webbrowser.open(f"http://{address}:{exposure.port}")
            return
        time.sleep(0.2)


def check(exposure: Exposure, *, signs_in: bool) -> None:
    """Raises UsageError unless the address is this machine's own, or somebody keeps the door."""
    if is_loopback(exposure.host) or exposure.open_to_anyone or exposure.behind_proxy:
        return
    if not signs_in:
        raise errors.UsageError(
            f"{exposure.host} can be reached by other machines, and nobody would have to sign in",
            hint="set up sign-in (pip install 'ecs-log-triage[auth]' and an [auth] section in .streamlit/secrets.toml), "
            "or declare the proxy that authenticates with --behind-proxy, or accept the danger with --open-to-anyone",
        )
    if not exposure.allow:
        raise errors.UsageError(
            "sign-in is set up, but anybody with an account at the provider could come in",
            hint="say who may: --allow you@example.com or --allow @example.com (more than once if you like)",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address. A name counts as loopback only if it is `localhost`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def has_sign_in(secrets: Mapping[str, Any] | None = None) -> bool:
    """Whether OpenID Connect is configured for Streamlit: an [auth] section with a cookie secret and a provider."""
    auth = (secrets if secrets is not None else _secrets()).get("auth", {})
    if not isinstance(auth, Mapping) or not auth.get("cookie_secret") or not auth.get("redirect_uri"):
        return False
    providers = [auth, *(value for value in auth.values() if isinstance(value, Mapping))]
    return any(provider.get("client_id") and provider.get("server_metadata_url") for provider in providers)


def _secrets() -> dict[str, Any]:
    for path in _SECRETS:
        try:
            return tomllib.loads(path.read_text("utf-8"))
        except OSError:
            continue
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise errors.UsageError(f"{path} can't be read: {type(error).__name__}", hint="mend or remove the file") from error
    return {}


def streamlit_options(exposure: Exposure) -> dict[str, Any]:
    """The shipped file as Streamlit's flat option names, with this address."""
    flat = flatten(tomllib.loads(shipped("streamlit_config.toml").read_text("utf-8")))
    hosts = [*flat.get("server.allowedHosts", []), *exposure.public_hosts]
    if not is_loopback(exposure.host) and not exposure.public_hosts:
        hosts.append("*")  # nobody said by which name it is reached: then any will do
    return flat | {
        "browser.serverAddress": next(iter(exposure.public_hosts), exposure.host),  # else Streamlit asks a host outside for it
        "server.address": exposure.host,
        "server.port": exposure.port,
        "server.allowedHosts": list(dict.fromkeys(hosts)),
        "server.headless": True,  # else Streamlit may ask for an e-mail address and wait; we open the browser ourselves
    }


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"theme": {"dark": {"textColor": "#fff"}}}` -> `{"theme.dark.textColor": "#fff"}`; lists stay lists."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, Mapping):
            flat |= flatten(value, name)
        else:
            flat[name] = value
    return flat
