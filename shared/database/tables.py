"""Metadata with one explicit naming convention, so that migrations can name what they change."""

from __future__ import annotations

from sqlalchemy import MetaData

CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def metadata_for(service: str) -> MetaData:
    """Metadata of a service's own tables, or of a part of `shared` that brings tables of its own."""
    return MetaData(naming_convention=CONVENTION, info={"service": service})
