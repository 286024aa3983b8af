CREATE TABLE service(no INTEGER PRIMARY KEY, person TEXT, what TEXT, state TEXT, started TEXT, ended TEXT, notes TEXT);
INSERT INTO service VALUES
    (501, 'E1001', 'Morning visit, washing and dressing', 'Active', '2025-09-01', NULL, 'canary-notes of a worker'),
    (502, 'E1001', 'Meals on wheels', 'Ended', '2025-04-07', '2025-08-29', 'canary-notes of a worker'),
    (503, 'E1002', 'Stroke group canary-ben', 'Active', '2025-05-12', NULL, 'canary-notes of a worker'),
    (504, 'E1003', 'Day centre canary-cara', 'Active', '2025-05-12', NULL, 'canary-notes of a worker');
CREATE TABLE team(no INTEGER PRIMARY KEY, person TEXT, ods TEXT, since TEXT, until TEXT);
INSERT INTO team VALUES (71, 'E1001', 'RX1', '2025-04-01', NULL), (72, 'E1002', 'RX1', '2025-04-01', NULL);
CREATE VIEW services AS SELECT no AS service_id, person AS case_id, what AS service, state, started, ended,
    notes AS worker_notes FROM service;
CREATE VIEW teams AS SELECT no AS team_id, person AS case_id, ods AS organisation, since, until FROM team;
