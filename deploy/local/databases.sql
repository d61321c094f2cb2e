-- One context's database and its two roles, each of which enters this database and no other.
-- psql variables: context, owner, owner_password, app, app_password.
SELECT format('CREATE ROLE %I LOGIN', role) FROM unnest(ARRAY[:'owner', :'app']) AS role
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
ALTER ROLE :"owner" PASSWORD :'owner_password';
ALTER ROLE :"app" PASSWORD :'app_password';
SELECT format('CREATE DATABASE %I OWNER %I', :'context', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'context') \gexec
REVOKE ALL ON DATABASE :"context", postgres, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE :"context" TO :"app";
